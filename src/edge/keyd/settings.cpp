#include "edge/keyd/settings.h"

#include "base/log.h"

namespace muster::edge::keyd {
namespace {

constexpr std::int64_t longest_token_patience = 55;  // in seconds

std::unexpected<Error> bad_uri(std::string_view key, const Error& error) {
    return fail(error.wrap(fmt::format("{}: the pkcs11: URI", key)));
}

Result<> read_library(const json::object& object, const Paths& paths, Settings& settings) {
    settings.home = paths.state_directory(Service::keyd);
    MUSTER_TRY(const auto* keys, optional_object(object, "aziot_keys"));
    if (keys == nullptr) return {};
    warn_unknown(*keys, {"homedir_path", "pkcs11_lib_path", "pkcs11_base_slot", "pkcs11_timeout_sec"},
                 "keyd settings, [aziot_keys]");
    settings.home = device_path(paths, string_or(*keys, "homedir_path"), settings.home);
    // The library is the system's, also for a device that lives below a root of its own.
    settings.tokens.library = string_or(*keys, "pkcs11_lib_path");
    MUSTER_TRY(const auto seconds, optional_integer(*keys, "pkcs11_timeout_sec"));
    if (seconds && *seconds < 1)
        return fail(Errc::invalid_argument, "aziot_keys.pkcs11_timeout_sec is {}; 1 to {}", *seconds,
                    longest_token_patience);
    if (seconds && *seconds > longest_token_patience)
        log::warn("pkcs11_timeout_sec is longer than anybody waits for an answer",
                  {{"seconds", *seconds}, {"used", longest_token_patience}});
    if (seconds) settings.token_patience = std::chrono::seconds(std::min(*seconds, longest_token_patience));
    MUSTER_TRY(const auto base, optional_string(*keys, "pkcs11_base_slot"));
    if (!base) return {};
    auto uri = pkcs11::Uri::parse(*base);
    if (!uri) return bad_uri("aziot_keys.pkcs11_base_slot", uri.error());
    settings.tokens.base = std::move(*uri);
    return {};
}

Result<> read_preloaded(const json::object& object, Settings& settings) {
    MUSTER_TRY(const auto* preloaded, optional_object(object, "preloaded_keys"));
    if (preloaded == nullptr) return {};
    for (const auto& member : *preloaded) {
        const std::string id(member.key());
        const auto key = fmt::format("preloaded_keys.{}", id);
        MUSTER_TRY(const auto text, required_string(*preloaded, id));
        if (!pkcs11::is_uri(text)) {
            MUSTER_TRY(settings.preloaded[id], file_uri_path(text, key));
            continue;
        }
        auto uri = pkcs11::Uri::parse(text);
        if (!uri) return bad_uri(key, uri.error());
        if (!uri->names_object())
            return fail(Errc::invalid_argument, "{}: the pkcs11: URI names no object: add object=... or id=...", key);
        settings.tokens.preloaded.emplace(id, std::move(*uri));
    }
    return {};
}

}  // namespace

Result<Settings> Settings::load(const Paths& paths) {
    return read_settings(SettingsFiles::of(paths, Service::keyd),
                         [&](const json::object& object) { return from(object, paths); });
}

Result<Settings> Settings::from(const json::object& object, const Paths& paths) {
    warn_unknown(object, {"aziot_keys", "preloaded_keys", "principal", "max_requests"}, "keyd settings");
    Settings settings;
    MUSTER_CHECK(read_library(object, paths, settings));
    MUSTER_CHECK(read_preloaded(object, settings));
    MUSTER_TRY(settings.principals, Principals::from_settings(object, "keys"));
    MUSTER_TRY(const auto most, optional_integer(object, "max_requests"));
    if (most) settings.limits.running = static_cast<std::size_t>(std::clamp<std::int64_t>(*most, 1, 1000));
    return settings;
}

}  // namespace muster::edge::keyd
