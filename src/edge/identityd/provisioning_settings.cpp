#include "edge/identityd/provisioning_settings.h"

#include "base/text.h"

namespace muster::edge::identityd {
namespace {

std::unexpected<Error> unknown(std::string_view key, std::string_view value, std::string_view known) {
    return fail(Errc::invalid_argument, "{} is \"{}\"; known: {}", key, printable(value), known);
}

Result<std::string> endpoint_of(const json::object& provisioning) {
    MUSTER_TRY(auto url, required_string(provisioning, "global_endpoint"));
    while (url.ends_with('/')) url.pop_back();
    if (!url.starts_with("https://") || url.find_first_of("/?#@", 8) != std::string::npos)
        return fail(Errc::invalid_argument, "provisioning.global_endpoint is \"{}\"; it must be https://host[:port]",
                    url);
    return url;
}

// "host[:port]": what stands between "https://" and the path.
Result<std::string> host_named(const json::object& table, std::string_view name) {
    MUSTER_TRY(auto host, required_string(table, name));
    if (host.empty() || host.find_first_of("/?#@ ") != std::string::npos)
        return fail(Errc::invalid_argument, "provisioning.{} is \"{}\"; it must be host[:port]", name, host);
    return host;
}

Result<std::optional<std::filesystem::path>> optional_file(const json::object& table, std::string_view name) {
    MUSTER_TRY(const auto uri, optional_string(table, name));
    if (!uri) return std::nullopt;
    MUSTER_TRY(auto path, file_uri_path(*uri, fmt::format("provisioning.{}", name)));
    return path;
}

Result<> read_authorities(const json::object& provisioning, std::string_view name, CloudSettings& cloud) {
    MUSTER_TRY(auto file, optional_file(provisioning, name));
    if (file) cloud.authorities.push_back(std::move(*file));
    return {};
}

// A string, or a table with the CN when the certificate is to be issued.
Result<std::optional<std::string>> registration_id(const json::object& attestation) {
    const auto* value = find_member(attestation, "registration_id");
    if (value == nullptr) return std::nullopt;
    if (value->is_object()) return optional_string(value->get_object(), "CN");
    return optional_string(attestation, "registration_id");
}

// A name alone, or a table of the subject's parts; the CN stands last (X.501).
Result<pki::Subject> subject_of(const json::object& table, std::string_view name) {
    const auto* value = find_member(table, name);
    if (value == nullptr) return pki::Subject{};
    if (!value->is_object()) {
        MUSTER_TRY(auto common_name, required_string(table, name));
        return pki::Subject{{"CN", std::move(common_name)}};
    }
    pki::Subject subject, last;
    for (const auto& part : value->get_object()) {
        if (!part.value().is_string())
            return fail(Errc::invalid_argument, "{}.{} must be a string", name, std::string_view(part.key()));
        auto& into = part.key() == "CN" ? last : subject;
        into.emplace_back(part.key(), part.value().get_string());
    }
    subject.insert(subject.end(), last.begin(), last.end());
    return subject;
}

// identity_auto_renew marks a certificate that is issued: how it is renewed, or false.
Result<X509Settings> x509(const json::object& table, pki::Subject subject) {
    X509Settings out;
    MUSTER_TRY(const auto certificate, optional_string(table, "identity_cert"));
    MUSTER_TRY(const auto key, optional_string(table, "identity_pk"));
    out.certificate_id = certificate.value_or(out.certificate_id);
    out.key_id = key.value_or(out.key_id);
    const auto* renewal = find_member(table, "identity_auto_renew");
    if (renewal == nullptr) return out;
    if (subject.empty())
        return fail(Errc::invalid_argument, "a certificate that is issued needs a registration_id to be issued for");
    out.issued = IssuedIdentity{std::move(subject), std::nullopt};
    if (renewal->is_bool() && !renewal->get_bool()) return out;
    MUSTER_TRY(const auto* policy, optional_object(table, "identity_auto_renew"));
    MUSTER_TRY(out.issued->auto_renew, renewal::Policy::from_settings(*policy, "identity_auto_renew"));
    return out;
}

Result<const json::object*> table_named(const json::object& provisioning, std::string_view name) {
    MUSTER_TRY(const auto* table, optional_object(provisioning, name));
    if (table == nullptr) return fail(Errc::invalid_argument, "provisioning.{} is missing", name);
    return table;
}

Result<> read_attestation(const json::object& provisioning, Settings& out) {
    MUSTER_TRY(const auto* attestation, table_named(provisioning, "attestation"));
    MUSTER_TRY(const auto method, required_string(*attestation, "method"));
    MUSTER_TRY(out.dps.registration_id, registration_id(*attestation));
    if (method == "x509") {
        MUSTER_TRY(auto subject, subject_of(*attestation, "registration_id"));
        MUSTER_TRY(out.credential, x509(*attestation, std::move(subject)));
        return {};
    }
    if (method != "symmetric_key" && method != "tpm")
        return unknown("provisioning.attestation.method", method, "x509, symmetric_key, tpm");
    if (!out.dps.registration_id)
        return fail(Errc::invalid_argument, "provisioning.attestation.registration_id is missing");
    if (method == "tpm") {
        out.credential = TpmSettings{};
        return {};
    }
    SharedKeySettings key;
    MUSTER_TRY(key.key_id, required_string(*attestation, "symmetric_key"));
    out.credential = std::move(key);
    return {};
}

Result<> read_dps(const json::object& provisioning, Settings& out) {
    if (out.gateway)
        return fail(Errc::unsupported, "local_gateway_hostname: DPS provisioning is not supported in nested mode");
    MUSTER_TRY(out.dps.global_endpoint, endpoint_of(provisioning));
    MUSTER_TRY(out.dps.scope_id, required_string(provisioning, "scope_id"));
    MUSTER_CHECK(read_authorities(provisioning, "global_endpoint_ca", out.cloud));
    MUSTER_TRY(const auto* payload, optional_object(provisioning, "payload"));
    if (payload != nullptr) {
        MUSTER_TRY(out.dps.payload, optional_file(*payload, "uri"));
    }
    return read_attestation(provisioning, out);
}

Result<> read_authentication(const json::object& provisioning, Settings& out) {
    MUSTER_TRY(const auto* authentication, table_named(provisioning, "authentication"));
    MUSTER_TRY(const auto method, required_string(*authentication, "method"));
    if (method == "x509") {
        MUSTER_TRY(auto subject, subject_of(*authentication, "identity_subject"));
        if (subject.empty()) subject = {{"CN", out.manual.device_id}};
        MUSTER_TRY(out.credential, x509(*authentication, std::move(subject)));
        return {};
    }
    if (method != "sas") return unknown("provisioning.authentication.method", method, "sas, x509");
    SharedKeySettings key;
    MUSTER_TRY(key.key_id, required_string(*authentication, "device_id_pk"));
    out.credential = std::move(key);
    return {};
}

Result<> read_manual(const json::object& provisioning, Settings& out) {
    MUSTER_TRY(out.manual.hub, host_named(provisioning, "iothub_hostname"));
    MUSTER_TRY(out.manual.device_id, required_string(provisioning, "device_id"));
    if (out.manual.device_id.empty()) return fail(Errc::invalid_argument, "provisioning.device_id is empty");
    MUSTER_CHECK(read_authorities(provisioning, "iothub_ca", out.cloud));
    return read_authentication(provisioning, out);
}

// The original has moved it from the top into this table.
Result<std::optional<std::string>> read_gateway(const json::object& settings, const json::object& provisioning) {
    const std::string_view name = "local_gateway_hostname";
    const auto& table = find_member(provisioning, name) != nullptr ? provisioning : settings;
    if (find_member(table, name) == nullptr) return std::nullopt;
    MUSTER_TRY(auto host, host_named(table, name));
    return host;
}

}  // namespace

Result<> read_provisioning(const json::object& settings, Settings& out) {
    MUSTER_TRY(const auto* provisioning, optional_object(settings, "provisioning"));
    if (provisioning == nullptr) return fail(Errc::invalid_argument, "provisioning is missing");
    MUSTER_TRY(out.gateway, read_gateway(settings, *provisioning));
    MUSTER_TRY(const auto source, required_string(*provisioning, "source"));
    if (source == "none") return {};
    if (source == "dps") {
        out.source = Source::dps;
        return read_dps(*provisioning, out);
    }
    if (source != "manual") return unknown("provisioning.source", source, "dps, manual, none");
    out.source = Source::manual;
    return read_manual(*provisioning, out);
}

}  // namespace muster::edge::identityd
