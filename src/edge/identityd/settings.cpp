#include "edge/identityd/settings.h"

namespace muster::edge::identityd {
namespace {

std::unexpected<Error> later(std::string_view what) {
    return fail(Error(Errc::unsupported, fmt::format("{} comes with a later version", what))
                    .with_hint("use source = \"dps\" with attestation.method = \"x509\" in /etc/aziot/config.toml, "
                               "then run: iotedge config apply"));
}

Result<std::string> endpoint_of(const json::object& provisioning) {
    MUSTER_TRY(auto url, required_string(provisioning, "global_endpoint"));
    while (url.ends_with('/')) url.pop_back();
    if (!url.starts_with("https://") || url.find_first_of("/?#@", 8) != std::string::npos)
        return fail(Errc::invalid_argument, "provisioning.global_endpoint is \"{}\"; it must be https://host[:port]",
                    url);
    return url;
}

Result<std::optional<std::filesystem::path>> optional_file(const json::object& table, std::string_view name) {
    MUSTER_TRY(const auto uri, optional_string(table, name));
    if (!uri) return std::nullopt;
    MUSTER_TRY(auto path, file_uri_path(*uri, fmt::format("provisioning.{}", name)));
    return path;
}

// A string, or a table with the CN when the certificate is to be issued.
Result<std::optional<std::string>> registration_id(const json::object& attestation) {
    const auto* value = find_member(attestation, "registration_id");
    if (value == nullptr) return std::nullopt;
    if (value->is_object()) return optional_string(value->get_object(), "CN");
    return optional_string(attestation, "registration_id");
}

Result<> read_attestation(const json::object& provisioning, DpsSettings& dps) {
    MUSTER_TRY(const auto* attestation, optional_object(provisioning, "attestation"));
    if (attestation == nullptr) return fail(Errc::invalid_argument, "provisioning.attestation is missing");
    MUSTER_TRY(const auto method, required_string(*attestation, "method"));
    if (method != "x509") return later(fmt::format("provisioning.attestation.method = \"{}\"", method));
    MUSTER_TRY(dps.registration_id, registration_id(*attestation));
    MUSTER_TRY(const auto certificate, optional_string(*attestation, "identity_cert"));
    MUSTER_TRY(const auto key, optional_string(*attestation, "identity_pk"));
    dps.certificate_id = certificate.value_or(dps.certificate_id);
    dps.key_id = key.value_or(dps.key_id);
    if (find_member(*attestation, "identity_auto_renew") != nullptr)
        return later("renewal of the identity certificate (identity_auto_renew)");
    return {};
}

Result<> read_dps(const json::object& provisioning, DpsSettings& dps) {
    MUSTER_TRY(dps.global_endpoint, endpoint_of(provisioning));
    MUSTER_TRY(dps.scope_id, required_string(provisioning, "scope_id"));
    MUSTER_TRY(dps.global_endpoint_ca, optional_file(provisioning, "global_endpoint_ca"));
    MUSTER_TRY(const auto* payload, optional_object(provisioning, "payload"));
    if (payload != nullptr) {
        MUSTER_TRY(dps.payload, optional_file(*payload, "uri"));
    }
    return read_attestation(provisioning, dps);
}

Result<> read_provisioning(const json::object& object, Settings& settings) {
    MUSTER_TRY(const auto* provisioning, optional_object(object, "provisioning"));
    if (provisioning == nullptr) return fail(Errc::invalid_argument, "provisioning is missing");
    MUSTER_TRY(const auto source, required_string(*provisioning, "source"));
    if (source == "none") return {};
    if (source != "dps") return later(fmt::format("provisioning.source = \"{}\"", source));
    settings.source = Source::dps;
    return read_dps(*provisioning, settings.dps);
}

Result<> read_cloud(const json::object& object, Settings& settings) {
    MUSTER_TRY(const auto timeout, optional_integer(object, "cloud_timeout_sec"));
    MUSTER_TRY(const auto retries, optional_integer(object, "cloud_retries"));
    MUSTER_TRY(const auto cache, optional_bool(object, "prefer_module_identity_cache"));
    MUSTER_TRY(const auto most, optional_integer(object, "max_requests"));
    if (timeout && (*timeout < 1 || *timeout > 3600))
        return fail(Errc::invalid_argument, "cloud_timeout_sec is {}; 1 to 3600", *timeout);
    if (retries && (*retries < 0 || *retries > 100))
        return fail(Errc::invalid_argument, "cloud_retries is {}; 0 to 100", *retries);
    if (timeout) settings.cloud_timeout = std::chrono::seconds(*timeout);
    if (retries) settings.cloud_retries = static_cast<unsigned>(*retries);
    settings.prefer_module_identity_cache = cache.value_or(false);
    if (most) settings.limits.running = static_cast<std::size_t>(std::clamp<std::int64_t>(*most, 1, 1000));
    return {};
}

}  // namespace

Result<Settings> Settings::load(const Paths& paths) {
    MUSTER_TRY(const auto object, load_settings(SettingsFiles::of(paths, Service::identityd)));
    return from(object, paths);
}

Result<Settings> Settings::from(const json::object& object, const Paths& paths) {
    warn_unknown(object,
                 {"hostname", "homedir", "local_gateway_hostname", "cloud_timeout_sec", "cloud_retries",
                  "prefer_module_identity_cache", "max_requests", "provisioning", "principal", "localid"},
                 "identityd settings");
    if (find_member(object, "local_gateway_hostname") != nullptr)
        return fail(Errc::unsupported, "local_gateway_hostname: DPS provisioning is not supported in nested mode");
    if (find_member(object, "localid") != nullptr) return later("[localid] (local module identities)");
    Settings settings;
    MUSTER_TRY(const auto hostname, optional_string(object, "hostname"));
    settings.hostname = hostname.value_or("");
    settings.home = device_path(paths, string_or(object, "homedir"), paths.state_directory(Service::identityd));
    MUSTER_CHECK(read_cloud(object, settings));
    MUSTER_CHECK(read_provisioning(object, settings));
    MUSTER_TRY(settings.callers, Callers::from_settings(object));
    return settings;
}

}  // namespace muster::edge::identityd
