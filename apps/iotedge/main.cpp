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
    system->add_subcommand("reprovision", "register the device again, then restart")->callback([&] {
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
    const auto add = [&code](CLI::App& under, const std::string& name, const std::string& shown,
                             const std::string& needs) {
        auto* const command = under.add_subcommand(name)->group("");
        command->allow_extras()->prefix_command();
        command->callback([&code, shown, needs] { code = not_in_this_version(shown, needs); });
    };
    for (const std::string name : {"list", "logs", "restart"})
        add(app, name, name, "the container runtime (aziot-edged)");
    for (const std::string name : {"check", "check-list", "support-bundle"})
        add(app, name, name, "parts of the runtime");
    auto* const config = app.get_subcommand("config");
    add(*config, "mp", "config mp", "provisioning by connection string");
    add(*config, "import", "config import", "the conversion of 1.1 configurations");
}

// The parser would only say that a subcommand is missing.
bool names_a_command(const CLI::App& app, std::string_view word) {
    std::vector<std::string> names;
    for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        if (command->get_name() == word) return true;
        names.push_back(command->get_name());
    }
    const auto meant = nearest(word, names);
    fmt::print(stderr, "iotedge: there is no command \"{}\"{}\n", printable(word),
               meant ? fmt::format(" (did you mean \"{}\"?)", *meant) : std::string());
    return false;
}

}  // namespace

int main(int count, char** arguments) {
    CLI::App app("The device's command line", "iotedge");
    app.set_version_flag("--version", fmt::format("iotedge {}", version()));
    app.require_subcommand(1);
    int code = done;
    Arguments given;
    const auto paths = edge::Paths::from_environment();
    add_config(app, given, code, paths);
    add_system(app, given, code, paths);
    app.add_subcommand("version", "the version of this program")->callback([] {
        fmt::print("iotedge {}\n", version());
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
