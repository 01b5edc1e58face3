// `iotedge config import`: the configuration of IoT Edge 1.1, translated (facts/device.md 2.5).
#include "base/file.h"
#include "base/toml_quote.h"
#include "commands.h"
#include "edge/config/super_config.h"
#include "edge/import/import.h"

namespace muster::iotedge {
namespace {

std::string heading(const std::string& source) {
    return fmt::format(
        "# Translated from {} by `iotedge config import`.\n# /etc/aziot/config.toml.edge.template explains every "
        "key.\n\n",
        source);
}

// What 1.1 encrypted the secrets of its modules with; its name ends with a hash.
std::optional<std::filesystem::path> master_key(const edge::Paths& paths) {
    std::error_code none;
    std::filesystem::directory_iterator entries(paths.under("/var/lib/iotedge/hsm/enc_keys"), none);
    for (const auto& entry : entries) {
        const auto name = entry.path().filename().string();
        if (name.starts_with("edgelet-master") && name.ends_with(".enc.key")) return entry.path();
    }
    return std::nullopt;
}

// Before the tables, where the keys of the top level stand.
std::string master_key_line(const edge::Paths& paths) {
    const auto key = master_key(paths);
    return key ? fmt::format("imported_master_encryption_key = {}\n", toml_string(key->string())) : std::string();
}

}  // namespace

int config_import(const edge::Paths& paths, const std::string& given, const std::string& out, bool force) {
    const auto source = given.empty() ? paths.under("/etc/iotedge/config.yaml") : std::filesystem::path(given);
    const auto yaml = read_file(source);
    if (!yaml) return report(yaml.error());
    const auto imported = edge::import::from_yaml(*yaml);
    if (!imported) return report(imported.error().wrap(source.string()));
    const auto text = heading(source.string()) + master_key_line(paths) + imported->toml;
    const auto target = out.empty() ? paths.super_config() : std::filesystem::path(out);

    // What today's rules say of it is told with the names of the new file, and mended there.
    auto file = Config::parse(text, target.string());
    if (!file) return report(file.error());
    (void)edge::understand(*file);
    const auto code = write_configuration(target, text, force);
    if (code != done) return code;
    for (const auto& note : imported->notes) fmt::print(stderr, "note: {}\n", note);
    for (const auto& problem : file->problems()) {
        fmt::print(stderr, "to be looked at: {}\n", problem.text());
        if (!problem.hint.empty()) fmt::print(stderr, "    to mend it: {}\n", problem.hint);
    }
    return done;
}

}  // namespace muster::iotedge
