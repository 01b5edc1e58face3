// How the device daemons read their configuration (facts/device.md 2.4): config.toml, then config.d/*.toml by name.
// Tables merge, arrays are joined, everything else is replaced. Local administrators drop files of their own beside the
// generated one, so an unknown key is a warning here; `iotedge config apply` is where it is an error.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/json.h"
#include "edge/common/paths.h"

namespace muster::edge {

struct SettingsFiles {
    std::filesystem::path file;       // optional
    std::filesystem::path directory;  // optional

    // Of a service; AZIOT_KEYD_CONFIG and AZIOT_KEYD_CONFIG_DIR (and so on) come first.
    static SettingsFiles of(const Paths& paths, Service service);
};

// The merged settings as JSON values. Errc::invalid_argument names file, line and column; Errc::not_found when there
// is no file at all.
Result<json::object> load_settings(const SettingsFiles& files);

// `error`, seen from the first file without which the rest would be understood.
Error blame(const Error& error, const SettingsFiles& files, const std::function<bool(const json::object&)>& understood);

// The settings as `read` understands them: Result<Settings>(const json::object&). An error of what the files say
// together names the file that brought it, and what mends it.
template <class Read>
auto read_settings(const SettingsFiles& files, Read read) -> std::invoke_result_t<Read&, const json::object&> {
    MUSTER_TRY(const auto merged, load_settings(files));
    auto settings = read(merged);
    if (settings) return settings;
    return fail(blame(settings.error(), files, [&](const json::object& part) { return read(part).has_value(); }));
}

// A TOML text as JSON values; `source` is its name in errors. Dates become strings.
Result<json::object> parse_toml(std::string_view text, const std::string& source);
// The way back, for state files.
std::string to_toml(const json::object& object);

// Logs each member of `table` that is not in `known`, with the nearest name that is. `where` is "keyd settings".
void warn_unknown(const json::object& table, const std::vector<std::string>& known, std::string_view where);

// An absolute path of the device from a settings file ("/var/lib/aziot/keyd"), below the device's root; `otherwise`
// when it is empty.
std::filesystem::path device_path(const Paths& paths, const std::string& configured, std::filesystem::path otherwise);

// The path of a "file:///..." URI, percent escapes decoded. Errc::unsupported, naming `what`, for any other scheme.
Result<std::filesystem::path> file_uri_path(std::string_view uri, std::string_view what);

}  // namespace muster::edge
