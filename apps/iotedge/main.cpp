// `iotedge`: the device's command line.
#include <CLI/CLI.hpp>

#include "base/text.h"
#include "base/version.h"
#include "commands.h"

namespace {

using namespace muster;
using namespace muster::iotedge;

struct Arguments {
    std::string file;
    bool check = false;
    std::string source;  // of a new configuration
    std::string out;
    bool force = false;
    CheckArguments checks;
    BundleArguments bundle;
    std::vector<std::string> journal;
    std::string level;
};

void add_config(CLI::App& app, Arguments& arguments, int& code, const edge::Paths& paths) {
    auto* const config = app.add_subcommand("config", "the device's configuration");
    config->require_subcommand(1);
    auto* const apply =
        config->add_subcommand("apply", "check /etc/aziot/config.toml, write the services' files, restart them");
    apply->add_option("-c,--config-file", arguments.file, "the file to read")->type_name("FILE");
    apply->add_flag("--check", arguments.check, "find every mistake, change nothing");
    apply->callback([&] { code = config_apply(paths, arguments.file, arguments.check); });

    const auto target = [&](CLI::App* command) {
        command->add_option("-o,--out-config-file", arguments.out, "the file to write")->type_name("FILE");
        command->add_flag("-f,--force", arguments.force, "write over a file that is there");
    };
    auto* const mp = config->add_subcommand("mp", "write a configuration from a connection string");
    mp->add_option("-c,--connection-string", arguments.source, "of the device; - reads it from standard input")
        ->required()
        ->type_name("TEXT");
    target(mp);
    mp->callback([&] { code = config_mp(paths, arguments.source, arguments.out, arguments.force); });
    auto* const import = config->add_subcommand("import", "translate the configuration of IoT Edge 1.1");
    import->add_option("-c,--config-file", arguments.source, "the old file; /etc/iotedge/config.yaml")
        ->type_name("FILE");
    target(import);
    import->callback([&] { code = config_import(paths, arguments.source, arguments.out, arguments.force); });
}

void add_check(CLI::App& app, CheckArguments& arguments, int& code, const edge::Paths& paths) {
    auto* const command = app.add_subcommand("check", "find what is wrong with the device and its connections");
    command->add_option("--dont-run", arguments.dont_run, "ids of checks to leave out, apart by spaces")
        ->type_name("IDS");
    command->add_option("--iothub-hostname", arguments.iothub_hostname, "the hub, where it is not known yet")
        ->type_name("HOST");
    command->add_option("--proxy-uri", arguments.proxy_uri, "the proxy to use instead of the configured one")
        ->type_name("URL");
    command->add_option("--ntp-server", arguments.ntp_server, "whom to ask for the time; pool.ntp.org:123")
        ->type_name("HOST:PORT");
    command
        ->add_option("--expected-aziot-version,--expected-aziot-edged-version", arguments.expected_version,
                     "the version that is to be installed")
        ->type_name("VERSION");
    command->add_option("-o,--output", arguments.output, "text, json or json-stream")
        ->check(CLI::IsMember({"text", "json", "json-stream"}))
        ->type_name("FORM");
    command->add_flag("-v,--verbose", arguments.verbose, "details of every check");
    command->add_flag("--warnings-as-errors", arguments.warnings_as_errors, "exit with 1 on warnings too");
    for (const std::string name : {"--container-engine-config-file", "--diagnostics-image-name", "--aziot-edged"})
        command
            ->add_option_function<std::string>(
                name, [&arguments, name](const std::string&) { arguments.without_effect.push_back(name); })
            ->group("");
    command->callback([&] { code = check(paths, arguments); });
    auto* const list = app.add_subcommand("check-list", "the checks, their ids and what they look at");
    list->add_option("-o,--output", arguments.output, "text or json")
        ->check(CLI::IsMember({"text", "json"}))
        ->type_name("FORM");
    list->callback([&] { code = check_list(arguments.output); });
}

void add_support_bundle(CLI::App& app, BundleArguments& arguments, int& code, const edge::Paths& paths) {
    auto* const command =
        app.add_subcommand("support-bundle", "pack logs, findings and configuration, without secrets");
    command->add_option("-o,--output", arguments.output, "the file to write; - writes to standard output")
        ->type_name("FILE");
    command->add_option("--since", arguments.since, "logs from when on: a time, or \"1 day\", which it is without")
        ->type_name("TIME");
    command->add_option("--until", arguments.until, "logs up to when")->type_name("TIME");
    command->add_option("--iothub-hostname", arguments.iothub_hostname, "the hub, where it is not known yet")
        ->type_name("HOST");
    command->add_flag("-e,--include-edge-runtime-only", arguments.runtime_only, "no modules' logs");
    command->add_flag("-q,--quiet", arguments.quiet, "print nothing when all is well");
    command->callback([&] { code = support_bundle(paths, arguments); });
}

void add_system(CLI::App& app, Arguments& arguments, int& code, const edge::Paths& paths) {
    auto* const system = app.add_subcommand("system", "the device's services");
    system->require_subcommand(1);
    system->add_subcommand("status", "which services run")->callback([&] { code = system_status(paths); });
    auto* const logs = system->add_subcommand("logs", "their logs; arguments after -- go to journalctl");
    logs->add_option("arguments", arguments.journal, "-f, -n N, --since TIME, ...")->type_name("");
    logs->allow_extras()->prefix_command();
    logs->callback([&, logs] {
        auto words = logs->remaining();
        words.insert(words.end(), arguments.journal.begin(), arguments.journal.end());
        std::erase(words, "--");
        code = system_logs(paths, words);
    });
    system->add_subcommand("restart", "stop and start them")->callback([&] { code = system_restart(paths); });
    system->add_subcommand("stop", "stop them")->callback([&] { code = system_stop(paths); });
    system->add_subcommand("reprovision", "register the device again")->callback([&] {
        code = system_reprovision(paths);
    });
    auto* const level = system->add_subcommand("set-log-level", "set it for all services and restart them");
    level->add_option("level", arguments.level, "error, warn, info, debug or trace")
        ->required()
        ->check(CLI::IsMember({"error", "warn", "info", "debug", "trace"}));
    level->callback([&] { code = system_set_log_level(paths, arguments.level); });
}

// Commands of the original that people will try: a clear word instead of a usage error.
void add_later(CLI::App& app, int& code) {
    for (const std::string name : {"list", "logs", "restart"}) {
        auto* const command = app.add_subcommand(name)->group("");
        command->allow_extras()->prefix_command();
        command->callback([&code, name] { code = not_in_this_version(name, "the container runtime (aziot-edged)"); });
    }
}

// The parser would only say that a subcommand is missing.
bool names_a_command(const CLI::App& app, std::string_view word) {
    std::vector<std::string> names;
    for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        if (command->get_name() == word) return true;
        names.push_back(command->get_name());
    }
    const auto meant = nearest(word, names);
    fmt::print(stderr, "{}: there is no command \"{}\"{}\n", app.get_name(), printable(word),
               meant ? fmt::format(" (did you mean \"{}\"?)", *meant) : std::string());
    return false;
}

}  // namespace

int main(int count, char** arguments) {
    // Also known as aziotctl, by a link: the same commands.
    const auto called = std::filesystem::path(count > 0 ? arguments[0] : "").filename().string();
    const std::string name = called == "aziotctl" ? called : "iotedge";
    CLI::App app("The device's command line", name);
    app.set_version_flag("--version", fmt::format("{} {}", name, version()));
    app.require_subcommand(1);
    int code = done;
    Arguments given;
    const auto paths = edge::Paths::from_environment();
    add_config(app, given, code, paths);
    add_system(app, given, code, paths);
    add_check(app, given.checks, code, paths);
    add_support_bundle(app, given.bundle, code, paths);
    app.add_subcommand("version", "the version of this program")->callback([&] {
        fmt::print("{} {}\n", name, version());
    });
    add_later(app, code);
    if (count > 1 && arguments[1][0] != '-' && !names_a_command(app, arguments[1])) return wrong_usage;
    try {
        app.parse(count, arguments);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? done : wrong_usage;
    }
    return code;
}
