// `iotedge config mp`: a configuration from a connection string alone ("manual provisioning", facts/device.md 2.5).
#include <iostream>

#include "base/file.h"
#include "base/text.h"
#include "base/toml_quote.h"
#include "commands.h"
#include "edge/config/super_config.h"

namespace muster::iotedge {
namespace {

constexpr std::size_t longest_line = 4096;

// "-" stands for standard input: an argument is there for every user of the machine to see.
Result<std::string> connection_string(const std::string& given) {
    if (given != "-") return given;
    std::string line;
    std::getline(std::cin, line);
    if (line.size() > longest_line)
        return fail(Errc::too_large, "a connection string has no {} characters", line.size());
    return std::string(trim(line));
}

std::string configuration(const std::string& connection_string) {
    return fmt::format(
        "# Written by `iotedge config mp`. /etc/aziot/config.toml.edge.template explains every key.\n\n"
        "auto_reprovisioning_mode = \"OnErrorOnly\"\n\n"
        "[provisioning]\n"
        "source = \"manual\"\n"
        "connection_string = {}\n",
        toml_string(connection_string));
}

Result<> write_new(const std::filesystem::path& file, const std::string& text, bool force) {
    if (force) return write_file_atomic(file, text, 0600);
    auto made = create_file(file, text, 0600);
    if (made || made.error().code() != Errc::already_exists) return made;
    return fail(Error(Errc::already_exists, fmt::format("{} is there already and was left as it is", file.string()))
                    .with_hint("--force writes over it, --out-config-file names another"));
}

}  // namespace

int write_configuration(const std::filesystem::path& file, const std::string& text, bool force) {
    if (const auto made = make_directories(file.parent_path(), 0755); !made && !file.parent_path().empty())
        return report(made.error());
    if (const auto written = write_new(file, text, force); !written) return report(written.error());
    fmt::print("Azure IoT Edge has been configured successfully!\nThe configuration has been written to {}\n",
               file.string());
    fmt::print("To apply it: sudo iotedge config apply{}\n",
               file.filename() == "config.toml" && file.parent_path().filename() == "aziot"
                   ? std::string()
                   : fmt::format(" -c '{}'", file.string()));
    return done;
}

int config_mp(const edge::Paths& paths, const std::string& given, const std::string& out, bool force) {
    const auto text = connection_string(given);
    if (!text) return report(text.error());
    const auto content = configuration(*text);
    auto file = Config::parse(content, "the connection string");
    if (!file) return report(file.error());
    (void)edge::understand(*file);
    for (const auto& problem : file->problems()) {
        fmt::print(stderr, "the connection string {}\n", problem.message);
        if (!problem.hint.empty()) fmt::print(stderr, "    to mend it: {}\n", problem.hint);
    }
    if (!file->problems().empty()) return refused;
    return write_configuration(out.empty() ? paths.super_config() : std::filesystem::path(out), content, force);
}

}  // namespace muster::iotedge
