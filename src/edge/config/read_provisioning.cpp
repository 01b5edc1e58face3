// [provisioning] (facts/device.md 1.3).
#include "base/text.h"
#include "edge/config/readers.h"
#include "edge/config/values.h"

namespace muster::edge::readers {
namespace {

const std::vector<std::string> dps_keys{"global_endpoint", "id_scope", "payload", "attestation", "global_endpoint_ca"};
const std::vector<std::string> manual_keys{"connection_string", "iothub_hostname", "device_id", "authentication",
                                           "iothub_ca"};

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
        if (!section.has("attestation"))
            section.problem("attestation", "is missing: a table with method = \"x509\", \"symmetric_key\" or \"tpm\"");
        return;
    }
    const std::vector<std::string> methods{"x509", "symmetric_key", "tpm"};
    const auto method = attestation->choice("method", methods);
    if (!attestation->has("method"))
        attestation->problem("method", "is missing: \"x509\", \"symmetric_key\" or \"tpm\"");
    if (method == "x509") return x509(*attestation, out);
    if (!method) {
        for (const auto& name : attestation->names()) (void)attestation->kind(name);
        return;
    }
    out.registration_id =
        required(*attestation, "registration_id", "the device's id at the service", check_registration_id);
    only_with(*attestation, {"identity_cert", "identity_pk"}, "method = \"x509\"");
    if (method == "symmetric_key") {
        out.method = Provisioning::Method::symmetric_key;
        out.shared_key = shared_key(*attestation, "symmetric_key");
    }
    if (method != "tpm") return;
    out.method = Provisioning::Method::tpm;
    only_with(*attestation, {"symmetric_key"}, "method = \"symmetric_key\"");
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
    endpoint(section, out);
    if (auto scope = required(section, "id_scope", "the service tells it: `muster status`", check_id_scope))
        out.id_scope = std::move(*scope);
    out.authorities = file(section, "global_endpoint_ca");
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
    if (!section->has("source")) section->problem("source", "is missing: \"dps\", \"manual\" or \"none\"");
    const auto source = section->choice("source", {"dps", "manual", "none"});
    if (source == "dps") {
        out.source = Provisioning::Source::dps;
        only_with(*section, manual_keys, "source = \"manual\"");
        dps(*section, out);
    }
    if (source == "manual") {
        out.source = Provisioning::Source::manual;
        only_with(*section, dps_keys, "source = \"dps\"");
        manual_provisioning(*section, out);
    }
    if (source == "none") {
        only_with(*section, dps_keys, "source = \"dps\"");
        only_with(*section, manual_keys, "source = \"manual\"");
    }
    // Without a source nothing can be said about the rest.
    if (!source)
        for (const auto& name : section->names()) (void)section->kind(name);
    return out;
}

}  // namespace muster::edge::readers
