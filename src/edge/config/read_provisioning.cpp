// [provisioning] (facts/device.md 1.3).
#include "base/bytes.h"
#include "base/text.h"
#include "edge/config/readers.h"
#include "edge/config/values.h"

namespace muster::edge::readers {
namespace {

const std::vector<std::string> dps_keys{"global_endpoint", "id_scope", "payload", "attestation", "global_endpoint_ca"};
const std::vector<std::string> manual_keys{"connection_string", "iothub_hostname", "device_id", "authentication"};

// { value = "<base64>" } or { uri = "..." }
void shared_key(const ConfigSection& section, std::string_view name) {
    const auto table = section.table(name);
    if (!table) {
        if (!section.has(name))
            section.problem(name, "is missing: { value = \"BASE64\" } or { uri = \"file:///...\" }");
        return;
    }
    if (table->has("value") == table->has("uri")) section.problem(name, "needs one of value and uri");
    (void)checked(*table, "value", [](std::string_view text) -> Complaint {
        if (is_placeholder(text)) return fmt::format("is still the template's \"{}\"", text);
        if (!base64_decode(text)) return "must be base64";
        return std::nullopt;
    });
    if (table->has("uri")) (void)table->string("uri");
}

Complaint check_connection_string(std::string_view text) {
    if (is_placeholder(text)) return fmt::format("is still the template's \"{}\"", text);
    for (const std::string_view part : {"HostName=", "DeviceId=", "SharedAccessKey="}) {
        const bool there = std::ranges::any_of(split(text, ';'), [&](auto field) { return field.starts_with(part); });
        if (!there) return fmt::format("lacks {}...", part);
    }
    return std::nullopt;
}

// identity_cert is the URI of a file, or a table that says who issues it.
void identity_files(const ConfigSection& section, Provisioning& out) {
    if (section.kind("identity_cert") == ConfigKind::table) {
        issue_options(*section.table("identity_cert"));
        if (section.has("identity_pk"))
            section.problem("identity_pk", "is made by the device when identity_cert is a table: leave it out");
        later(section, "identity_cert", "an identity certificate that is issued to the device");
        return;
    }
    if (section.required_string("identity_cert", "the URI of the certificate chain's file, device first"))
        out.identity_certificate = file(section, "identity_cert");
    if (section.required_string("identity_pk", "the URI of the private key's file"))
        out.identity_key = key_file(section, "identity_pk");
}

void manual(const ConfigSection& section) {
    only_with(section, dps_keys, "source = \"dps\"");
    Provisioning unused;
    if (section.has("connection_string")) {
        (void)checked(section, "connection_string", check_connection_string);
        only_with(section, {"iothub_hostname", "device_id", "authentication"}, "no connection_string beside it");
    } else {
        (void)required(section, "iothub_hostname", "or connection_string instead", check_hostname);
        (void)section.required_string("device_id", "or connection_string instead");
        if (const auto auth = section.table("authentication")) {
            const auto method = auth->choice("method", {"sas", "x509"});
            if (method == "sas") shared_key(*auth, "device_id_pk");
            if (method == "x509") identity_files(*auth, unused);
            if (!auth->has("method")) auth->problem("method", "is missing: \"sas\" or \"x509\"");
        } else if (!section.has("authentication")) {
            section.problem("authentication", "is missing: a table with method = \"sas\" or \"x509\"");
        }
    }
    later(section, "source", "provisioning by hand (source = \"manual\")");
}

void x509(const ConfigSection& attestation, Provisioning& out) {
    out.registration_id = checked(attestation, "registration_id", check_registration_id);
    if (out.registration_id && out.registration_id->value.size() > 64)
        attestation.problem("registration_id",
                            fmt::format("has {} characters; with a certificate at most 64 are possible, "
                                        "a common name holds no more",
                                        out.registration_id->value.size()));
    identity_files(attestation, out);
    only_with(attestation, {"symmetric_key"}, "method = \"symmetric_key\"");
}

void read_attestation(const ConfigSection& section, Provisioning& out) {
    const auto attestation = section.table("attestation");
    if (!attestation) {
        if (!section.has("attestation")) section.problem("attestation", "is missing: a table with method = \"x509\"");
        return;
    }
    const std::vector<std::string> methods{"x509", "symmetric_key", "tpm"};
    const auto method = attestation->choice("method", methods);
    if (!attestation->has("method")) attestation->problem("method", "is missing: \"x509\"");
    if (method == "x509") return x509(*attestation, out);
    if (!method) {
        for (const auto& name : attestation->names()) (void)attestation->kind(name);
        return;
    }
    (void)required(*attestation, "registration_id", "the device's id at the service", check_registration_id);
    only_with(*attestation, {"identity_cert", "identity_pk"}, "method = \"x509\"");
    if (method == "symmetric_key") shared_key(*attestation, "symmetric_key");
    if (method == "tpm") only_with(*attestation, {"symmetric_key"}, "method = \"symmetric_key\"");
    later(*attestation, "method", method == "tpm" ? "attestation by TPM" : "attestation by symmetric key");
}

void endpoint(const ConfigSection& section, Provisioning& out) {
    auto text = section.required_string("global_endpoint", "the service's address, \"https://...\"");
    if (!text) return;
    const auto parsed = parse_endpoint(*text);
    if (!parsed) {
        const auto& hint = parsed.error().hint();
        section.problem("global_endpoint", parsed.error().message(), hint.empty() ? "" : "global_endpoint = " + hint);
        return;
    }
    out.global_endpoint = given(section, "global_endpoint", parsed->normalised);
}

void dps(const ConfigSection& section, Provisioning& out) {
    only_with(section, manual_keys, "source = \"manual\"");
    endpoint(section, out);
    if (auto scope = required(section, "id_scope", "the service tells it: `muster status`", check_id_scope))
        out.id_scope = std::move(*scope);
    out.global_endpoint_ca = file(section, "global_endpoint_ca");
    if (section.kind("payload") == ConfigKind::string) {
        section.problem("payload", "must be a table",
                        fmt::format("payload = {{ uri = \"{}\" }}", printable(*section.string("payload"))));
    } else if (const auto payload = section.table("payload")) {
        if (payload->required_string("uri", "the URI of a JSON file")) out.payload = file(*payload, "uri");
    }
    read_attestation(section, out);
}

}  // namespace

Provisioning provisioning(const ConfigSection& root) {
    Provisioning out;
    const auto section = root.table("provisioning");
    if (!section) {
        if (!root.has("provisioning"))
            root.problem("provisioning", "is missing: the table that says where the device registers",
                         "uncomment the block \"DPS provisioning with X.509 certificate\" of "
                         "/etc/aziot/config.toml.edge.template");
        return out;
    }
    if (!section->has("source")) section->problem("source", "is missing: \"dps\"");
    const auto source = section->choice("source", {"dps", "manual", "none"});
    if (source == "dps") dps(*section, out);
    if (source == "manual") manual(*section);
    if (source == "none") {
        only_with(*section, dps_keys, "source = \"dps\"");
        only_with(*section, manual_keys, "source = \"manual\"");
        later(*section, "source", "a device without a cloud identity (source = \"none\")");
    }
    // Without a source nothing can be said about the rest.
    if (!source)
        for (const auto& name : section->names()) (void)section->kind(name);
    return out;
}

}  // namespace muster::edge::readers
