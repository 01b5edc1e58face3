#include "muster/application.h"

#include <CLI/CLI.hpp>

#include "base/version.h"
#include "muster/commands.h"
#include "muster/context.h"
#include "muster/help.h"
#include "muster/usage.h"

namespace muster::cli {
namespace {

constexpr const char* description =
    "The operator's command line of Muster: who may join the fleet, who did, and what they are";

constexpr const char* first_steps =
    "First steps:\n"
    "  muster cert root                                     # certificates to try it with\n"
    "  muster cert intermediate\n"
    "  muster cert device dev-1\n"
    "  muster enrollment-group create demo --certificate-path certs/azure-iot-test-only.root.ca.cert.pem\n"
    "  muster status\n"
    "  muster registration list --group demo                # once the device has registered\n"
    "\n"
    "Exit codes: 0 done, 1 refused or failed, 2 wrong usage.\n";

// The headings of --help; what is not named here comes under the last.
struct Heading {
    const char* title;
    std::vector<std::string> commands;
};

const std::vector<Heading>& headings() {
    static const std::vector<Heading> all = {
        {"Provisioning",
         {"enrollment", "enrollment-group", "ca-certificate", "crl", "trust-bundle", "authority", "registration", "hub",
          "import", "export"}},
        {"Hub", {"device", "module", "twin"}},
        {"Service", {"status", "events", "audit", "policy", "connection-string", "trust"}},
        {"Tools", {}},
    };
    return all;
}

std::string heading_of(const std::string& command) {
    for (const auto& heading : headings()) {
        if (std::ranges::find(heading.commands, command) != heading.commands.end()) return heading.title;
    }
    return headings().back().title;
}

std::vector<CLI::App*> all_commands(CLI::App& app) {
    return app.get_subcommands([](const CLI::App*) { return true; });
}

}  // namespace

Application::Application(Io io)
    : context_(std::make_unique<Context>(std::move(io))), app_(std::make_unique<CLI::App>(description, "muster")) {
    app_->formatter(make_help_formatter());
    app_->set_help_flag("-h,--help", "print this help");
    app_->require_subcommand(1);
    app_->set_version_flag("--version", fmt::format("muster {}", version()), "print the version");
    add_enrollment_command(*app_, *context_);
    add_enrollment_group_command(*app_, *context_);
    add_ca_certificate_command(*app_, *context_);
    add_crl_command(*app_, *context_);
    add_trust_bundle_command(*app_, *context_);
    add_authority_command(*app_, *context_);
    add_registration_command(*app_, *context_);
    add_import_command(*app_, *context_);
    add_export_command(*app_, *context_);
    add_hub_command(*app_, *context_);
    add_device_command(*app_, *context_);
    add_module_command(*app_, *context_);
    add_twin_command(*app_, *context_);
    add_status_command(*app_, *context_);
    add_events_command(*app_, *context_);
    add_audit_command(*app_, *context_);
    add_policy_command(*app_, *context_);
    add_connection_string_command(*app_, *context_);
    add_trust_command(*app_, *context_);
    add_completion_command(*app_, *context_);
}

Application::~Application() = default;

int& Application::exit_code() {
    return context_->exit_code;
}

void Application::finish_tree() {
    // Not before the commands are there: they would take it for theirs.
    app_->footer(first_steps);
    for (auto* command : all_commands(*app_)) {
        command->group(heading_of(command->get_name()));
        for (auto* verb : all_commands(*command)) verb->group("Commands");
    }
}

int Application::run(std::vector<std::string> arguments) {
    finish_tree();
    if (arguments.empty()) {
        context_->io.err(app_->help());
        return exit_usage;
    }
    if (arguments.front() == "help") {  // "muster help device" is what many type first
        arguments.erase(arguments.begin());
        arguments.emplace_back("--help");
    }
    std::ranges::reverse(arguments);  // the parser takes them from the back
    try {
        app_->parse(std::move(arguments));
        return context_->exit_code;
    } catch (const CLI::CallForHelp&) {
        if (const auto unknown = describe_unknown_command(*app_); !unknown.empty()) {
            context_->io.err(unknown);
            return exit_usage;
        }
        context_->io.out(app_->help());
        return exit_done;
    } catch (const CLI::CallForVersion& version_text) {
        context_->io.out(fmt::format("{}\n", version_text.what()));
        return exit_done;
    } catch (const CLI::ParseError& error) {
        context_->io.err(describe_wrong_usage(*app_, error));
        return exit_usage;
    }
}

}  // namespace muster::cli
