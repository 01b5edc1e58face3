#include "edge/import/import.h"

#include "base/text.h"
#include "base/toml_quote.h"
#include "edge/import/yaml_view.h"

namespace muster::edge::import {
namespace {

// Writes keys and tables, and keeps notes.
class Writer {
public:
    void table(std::string_view name) { out_ += fmt::format("\n[{}]\n", name); }
    void text(std::string_view key, std::string_view value) { raw(key, toml_string(value)); }
    void raw(std::string_view key, std::string_view value) { out_ += fmt::format("{} = {}\n", toml_key(key), value); }
    void given(std::string_view key, const std::optional<std::string>& value) {
        if (value) text(key, *value);
    }
    void note(std::string text) { notes_.push_back(std::move(text)); }
    Imported take() { return {std::move(out_), std::move(notes_)}; }

private:
    std::string out_;
    std::vector<std::string> notes_;
};

// 1.1 took paths and URIs.
std::string as_uri(const std::string& path) {
    return path.starts_with('/') ? "file://" + path : path;
}

std::unexpected<Error> missing(std::string_view key) {
    return fail(Error(Errc::invalid_argument, fmt::format("{} is missing", key))
                    .with_hint("complete the old file, or write the new one by hand"));
}

// In 1.1 both stand in [provisioning]; dynamic was the stronger.
std::string reprovisioning_mode(const YamlView& provisioning) {
    const auto always = provisioning.text("always_reprovision_on_startup");
    const auto dynamic = provisioning.text("dynamic_reprovisioning");
    if (dynamic == "true") return "Dynamic";
    return always == "true" ? "AlwaysOnStartup" : "OnErrorOnly";
}

void top_level(const YamlView& root, Writer& out) {
    out.given("hostname", root.text("hostname"));
    out.given("parent_hostname", root.text("parent_hostname"));
    if (const auto bundle = root.table("certificates").text("trusted_ca_certs"))
        out.text("trust_bundle_cert", as_uri(*bundle));
    out.text("auto_reprovisioning_mode", reprovisioning_mode(root.table("provisioning")));
}

Result<> x509_files(const YamlView& table, Writer& out) {
    for (const auto* name : {"identity_cert", "identity_pk"}) {
        const auto value = table.text(name);
        if (!value) return missing(fmt::format("provisioning ... {}", name));
        out.text(name, as_uri(*value));
    }
    return {};
}

Result<> manual(const YamlView& provisioning, Writer& out) {
    if (const auto connection_string = provisioning.text("device_connection_string")) {
        out.text("connection_string", *connection_string);
        return {};
    }
    const auto authentication = provisioning.table("authentication");
    const auto method = authentication.text("method").value_or("device_connection_string");
    if (method == "device_connection_string") {
        const auto connection_string = authentication.text("device_connection_string");
        if (!connection_string) return missing("provisioning.device_connection_string");
        out.text("connection_string", *connection_string);
        return {};
    }
    if (method != "x509")
        return fail(Errc::unsupported, "provisioning.authentication.method is \"{}\"", printable(method));
    out.given("iothub_hostname", authentication.text("iothub_hostname"));
    out.given("device_id", authentication.text("device_id"));
    out.table("provisioning.authentication");
    out.text("method", "x509");
    return x509_files(authentication, out);
}

Result<> dps(const YamlView& provisioning, Writer& out) {
    out.given("global_endpoint", provisioning.text("global_endpoint"));
    const auto scope = provisioning.text("scope_id");
    if (!scope) return missing("provisioning.scope_id");
    out.text("id_scope", *scope);
    const auto attestation = provisioning.table("attestation");
    const auto method = attestation.text("method");
    if (!method) return missing("provisioning.attestation.method");
    out.table("provisioning.attestation");
    out.text("method", *method);
    out.given("registration_id", attestation.text("registration_id"));
    if (*method == "x509") return x509_files(attestation, out);
    if (*method != "symmetric_key") return {};
    const auto key = attestation.text("symmetric_key");
    if (!key) return missing("provisioning.attestation.symmetric_key");
    out.raw("symmetric_key", fmt::format("{{ value = {} }}", toml_string(*key)));
    return {};
}

Result<> provisioning(const YamlView& root, Writer& out) {
    const auto table = root.table("provisioning");
    const auto source = table.text("source");
    if (!source) return missing("provisioning.source");
    out.table("provisioning");
    if (*source == "external")
        return fail(Error(Errc::unsupported, "provisioning.source is \"external\", which has no successor")
                        .with_hint("provision the device with DPS or by hand: /etc/aziot/config.toml.edge.template"));
    if (*source != "manual" && *source != "dps")
        return fail(Errc::unsupported, "provisioning.source is \"{}\"; known: manual, dps", printable(*source));
    out.text("source", *source);
    return *source == "manual" ? manual(table, out) : dps(table, out);
}

void edge_ca(const YamlView& root, Writer& out) {
    const auto certificates = root.table("certificates");
    const auto certificate = certificates.text("device_ca_cert");
    const auto key = certificates.text("device_ca_pk");
    const auto days = certificates.text("auto_generated_ca_lifetime_days");
    if (certificate && key) {
        out.table("edge_ca");
        out.text("cert", as_uri(*certificate));
        out.text("pk", as_uri(*key));
    } else if (days) {
        out.table("edge_ca");
        out.raw("auto_generated_edge_ca_expiry_days", *days);
    }
    if (certificate.has_value() != key.has_value())
        out.note("certificates: device_ca_cert and device_ca_pk go together; the one that stood alone was left out");
}

void agent(const YamlView& root, Writer& out) {
    const auto table = root.table("agent");
    const auto config = table.table("config");
    const auto image = config.text("image");
    if (!image) return;
    out.table("agent");
    out.text("name", table.text("name").value_or("edgeAgent"));
    out.text("type", table.text("type").value_or("docker"));
    if (image->find(":1.0") != std::string::npos || image->find(":1.1") != std::string::npos)
        out.note(fmt::format("agent.config.image is {}: a runtime of today needs an agent of 1.5 or later",
                             printable(*image)));
    out.table("agent.config");
    out.text("image", *image);
    if (config.has("createOptions")) out.raw("createOptions", config.inline_toml("createOptions"));
    if (const auto auth = config.table("auth").texts(); !auth.empty()) {
        out.table("agent.config.auth");
        for (const auto& [name, value] : auth) out.text(name, value);
    }
    if (const auto env = table.table("env").texts(); !env.empty()) {
        out.table("agent.env");
        for (const auto& [name, value] : env) out.text(name, value);
    }
}

// The sockets that systemd made for 1.1 have new names.
std::string new_socket(std::string uri) {
    if (uri == "fd://iotedge.mgmt.socket") return "fd://aziot-edged.mgmt.socket";
    if (uri == "fd://iotedge.socket") return "fd://aziot-edged.workload.socket";
    return uri;
}

void endpoints(const YamlView& root, const std::string& name, Writer& out) {
    const auto table = root.table(name);
    const auto management = table.text("management_uri");
    const auto workload = table.text("workload_uri");
    if (!management || !workload) return;
    out.table(name);
    out.text("workload_uri", new_socket(*workload));
    out.text("management_uri", new_socket(*management));
}

void watchdog(const YamlView& root, Writer& out) {
    const auto retries = root.table("watchdog").text("max_retries");
    if (!retries) return;
    out.table("watchdog");
    if (parse_integer<std::uint32_t>(*retries))
        out.raw("max_retries", *retries);
    else
        out.text("max_retries", *retries);
}

void moby_runtime(const YamlView& root, Writer& out) {
    const auto table = root.table("moby_runtime");
    const auto uri = table.text("uri");
    const auto network = table.text("network");
    if (!uri && !network && !table.has("network")) return;
    out.table("moby_runtime");
    out.given("uri", uri);
    if (network)
        out.text("network", *network);
    else if (table.has("network"))
        out.raw("network", table.inline_toml("network"));
}

}  // namespace

Result<Imported> from_yaml(std::string_view yaml) {
    MUSTER_TRY(const auto root, YamlView::parse(yaml));
    Writer out;
    top_level(root, out);
    MUSTER_CHECK(provisioning(root, out));
    edge_ca(root, out);
    agent(root, out);
    endpoints(root, "connect", out);
    endpoints(root, "listen", out);
    watchdog(root, out);
    moby_runtime(root, out);
    // Where 1.1 kept its state has no meaning any more.
    (void)root.text("homedir");
    for (const auto& name : root.never_asked_for())
        out.note(fmt::format("{} was left out: nothing of today is like it", name));
    return out.take();
}

}  // namespace muster::edge::import
