#include "edge/keyd/settings.h"

namespace muster::edge::keyd {
namespace {

Result<std::filesystem::path> read_home(const json::object& object, const Paths& paths) {
    MUSTER_TRY(const auto* keys, optional_object(object, "aziot_keys"));
    if (keys == nullptr) return paths.state_directory(Service::keyd);
    for (const auto* name : {"pkcs11_lib_path", "pkcs11_base_slot"})
        if (find_member(*keys, name) != nullptr)
            return fail(Error(Errc::unsupported, fmt::format("aziot_keys.{}: keys in a hardware module (PKCS#11) come "
                                                             "with a later version",
                                                             name))
                            .with_hint("remove the key to keep keys in files"));
    warn_unknown(*keys, {"homedir_path"}, "keyd settings, [aziot_keys]");
    return device_path(paths, string_or(*keys, "homedir_path"), paths.state_directory(Service::keyd));
}

Result<std::map<std::string, std::filesystem::path>> read_preloaded(const json::object& object) {
    std::map<std::string, std::filesystem::path> files;
    MUSTER_TRY(const auto* preloaded, optional_object(object, "preloaded_keys"));
    if (preloaded == nullptr) return files;
    for (const auto& member : *preloaded) {
        const std::string id(member.key());
        MUSTER_TRY(const auto uri, required_string(*preloaded, id));
        MUSTER_TRY(files[id], file_uri_path(uri, fmt::format("preloaded_keys.{}", id)));
    }
    return files;
}

}  // namespace

Result<Settings> Settings::load(const Paths& paths) {
    MUSTER_TRY(const auto object, load_settings(SettingsFiles::of(paths, Service::keyd)));
    return from(object, paths);
}

Result<Settings> Settings::from(const json::object& object, const Paths& paths) {
    warn_unknown(object, {"aziot_keys", "preloaded_keys", "principal", "max_requests"}, "keyd settings");
    Settings settings;
    MUSTER_TRY(settings.home, read_home(object, paths));
    MUSTER_TRY(settings.preloaded, read_preloaded(object));
    MUSTER_TRY(settings.principals, Principals::from_settings(object, "keys"));
    MUSTER_TRY(const auto most, optional_integer(object, "max_requests"));
    if (most) settings.limits.running = static_cast<std::size_t>(std::clamp<std::int64_t>(*most, 1, 1000));
    return settings;
}

}  // namespace muster::edge::keyd
