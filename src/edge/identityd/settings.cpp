#include "edge/identityd/settings.h"

#include "base/text.h"
#include "edge/identityd/provisioning_settings.h"
#include "edge/service/proxy.h"

namespace muster::edge::identityd {
namespace {

Result<> read_cloud(const json::object& object, CloudSettings& cloud) {
    MUSTER_TRY(const auto timeout, optional_integer(object, "cloud_timeout_sec"));
    MUSTER_TRY(const auto retries, optional_integer(object, "cloud_retries"));
    if (timeout && (*timeout < 1 || *timeout > 3600))
        return fail(Errc::invalid_argument, "cloud_timeout_sec is {}; 1 to 3600", *timeout);
    if (retries && (*retries < 0 || *retries > 100))
        return fail(Errc::invalid_argument, "cloud_retries is {}; 0 to 100", *retries);
    if (timeout) cloud.timeout = std::chrono::seconds(*timeout);
    if (retries) cloud.retries = static_cast<unsigned>(*retries);
    MUSTER_TRY(auto proxy, read_proxy(object));
    cloud.proxy = std::move(proxy.rules);
    if (proxy.authorities) cloud.authorities.push_back(std::move(*proxy.authorities));
    return {};
}

// A key of ours in this file: the original keeps it in the container runtime's.
Result<Reprovisioning> read_reprovisioning(const json::object& object) {
    MUSTER_TRY(const auto mode, optional_string(object, "auto_reprovisioning_mode"));
    if (!mode || *mode == "Dynamic") return Reprovisioning::dynamic;
    if (*mode == "AlwaysOnStartup") return Reprovisioning::always_on_startup;
    if (*mode == "OnErrorOnly") return Reprovisioning::on_error_only;
    return fail(Errc::invalid_argument,
                "auto_reprovisioning_mode is \"{}\"; known: Dynamic, AlwaysOnStartup, OnErrorOnly", printable(*mode));
}

}  // namespace

Result<Settings> Settings::load(const Paths& paths) {
    return read_settings(SettingsFiles::of(paths, Service::identityd),
                         [&](const json::object& object) { return from(object, paths); });
}

Result<Settings> Settings::from(const json::object& object, const Paths& paths) {
    warn_unknown(object,
                 {"hostname", "homedir", "local_gateway_hostname", "cloud_timeout_sec", "cloud_retries",
                  "prefer_module_identity_cache", "auto_reprovisioning_mode", "max_requests", "provisioning",
                  "principal", "localid", "proxy"},
                 "identityd settings");
    Settings settings;
    MUSTER_TRY(const auto hostname, optional_string(object, "hostname"));
    MUSTER_TRY(const auto cache, optional_bool(object, "prefer_module_identity_cache"));
    MUSTER_TRY(const auto most, optional_integer(object, "max_requests"));
    settings.hostname = hostname.value_or("");
    settings.home = device_path(paths, string_or(object, "homedir"), paths.state_directory(Service::identityd));
    settings.prefer_module_identity_cache = cache.value_or(false);
    if (most) settings.limits.running = static_cast<std::size_t>(std::clamp<std::int64_t>(*most, 1, 1000));
    MUSTER_TRY(const auto* local, optional_object(object, "localid"));
    if (local != nullptr) {
        MUSTER_TRY(settings.local_domain, required_string(*local, "domain"));
    }
    MUSTER_CHECK(read_cloud(object, settings.cloud));
    MUSTER_TRY(settings.reprovisioning, read_reprovisioning(object));
    MUSTER_CHECK(read_provisioning(object, settings));
    MUSTER_TRY(settings.callers, Callers::from_settings(object));
    return settings;
}

}  // namespace muster::edge::identityd
