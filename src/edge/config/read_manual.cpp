// [provisioning] with source = "manual", and what it shares with DPS: the certificate's files, the symmetric key
// (facts/device.md 1.3).
#include "base/bytes.h"
#include "base/text.h"
#include "edge/config/readers.h"
#include "edge/config/values.h"
#include "wire/sas.h"

namespace muster::edge::readers {
namespace {

Complaint check_base64(std::string_view text) {
    if (is_placeholder(text)) return fmt::format("is still the template's \"{}\"", text);
    const auto bytes = base64_decode(text);
    if (!bytes) return "must be base64";
    if (bytes->empty()) return "is empty";
    return std::nullopt;
}

// What names the fields of a connection string, in upper and lower case as one likes.
std::optional<std::string> field(std::string_view text, std::string_view name) {
    for (const auto part : split(text, ';')) {
        const auto equals = part.find('=');
        if (equals == std::string_view::npos || !equals_ignore_case(trim(part.substr(0, equals)), name)) continue;
        return std::string(part.substr(equals + 1));
    }
    return std::nullopt;
}

// Never shows the text: it holds the key.
Complaint check_connection_string(std::string_view text) {
    if (is_placeholder(text)) return fmt::format("is still the template's \"{}\"", text);
    if (field(text, "SharedAccessKeyName"))
        return "is a service's, with SharedAccessKeyName: the device's own has DeviceId instead";
    if (field(text, "x509"))
        return "is one of a certificate (x509=true): give iothub_hostname, device_id and authentication instead";
    for (const std::string_view name : {"HostName", "DeviceId", "SharedAccessKey"}) {
        const auto value = field(text, name);
        if (!value) return fmt::format("lacks {}=...", name);
        if (value->empty()) return fmt::format("has an empty {}", name);
        if (is_placeholder(*value)) return fmt::format("has still the template's \"{}\" for {}", *value, name);
    }
    if (!base64_decode(*field(text, "SharedAccessKey"))) return "has a SharedAccessKey that is not base64";
    if (const auto wrong = check_host_and_port(*field(text, "HostName")))
        return fmt::format("has a HostName that {}", *wrong);
    if (const auto wrong = check_device_id(*field(text, "DeviceId")))
        return fmt::format("has a DeviceId that {}", *wrong);
    return std::nullopt;
}

void connection_string(const ConfigSection& section, Provisioning& out) {
    only_with(section, {"iothub_hostname", "device_id", "authentication"}, "no connection_string beside it");
    const auto written = section.string("connection_string");
    if (!written) return;
    if (const auto wrong = check_connection_string(*written))
        return section.problem("connection_string", *wrong,
                               "copy the device's own from the hub: HostName=...;DeviceId=...;SharedAccessKey=...");
    auto parsed = wire::ConnectionString::parse(*written);
    if (!parsed) return section.problem("connection_string", parsed.error().message());
    out.method = Provisioning::Method::symmetric_key;
    out.iothub_hostname = given(section, "connection_string", std::move(parsed->host));
    out.device_id = given(section, "connection_string", std::move(parsed->device_id));
    SharedKey key;
    key.value = std::move(parsed->key);
    key.key = section.path("connection_string");
    key.line = section.line("connection_string");
    out.shared_key = std::move(key);
}

void authentication(const ConfigSection& section, Provisioning& out) {
    const auto table = section.table("authentication");
    if (!table) {
        if (!section.has("authentication"))
            section.problem("authentication", "is missing: a table with method = \"sas\" or \"x509\"");
        return;
    }
    if (!table->has("method")) table->problem("method", "is missing: \"sas\" or \"x509\"");
    const auto method = table->choice("method", {"sas", "x509"});
    if (method == "sas") {
        out.method = Provisioning::Method::symmetric_key;
        out.shared_key = shared_key(*table, "device_id_pk");
        only_with(*table, {"identity_cert", "identity_pk"}, "method = \"x509\"");
    }
    if (method == "x509") {
        identity_files(*table, out);
        only_with(*table, {"device_id_pk"}, "method = \"sas\"");
    }
    if (!method)
        for (const auto& name : table->names()) (void)table->kind(name);
}

}  // namespace

std::optional<SharedKey> shared_key(const ConfigSection& section, std::string_view name) {
    if (section.kind(name) == ConfigKind::string) {
        // The key itself stays out of what is printed.
        section.problem(name, "must be a table, not a string",
                        fmt::format("{0} = {{ value = \"BASE64\" }}, or {0} = {{ uri = \"file:///...\" }}", name));
        return std::nullopt;
    }
    const auto table = section.table(name);
    if (!table) {
        if (!section.has(name))
            section.problem(name, "is missing: { value = \"BASE64\" } or { uri = \"file:///...\" }");
        return std::nullopt;
    }
    if (table->has("value") == table->has("uri")) {
        section.problem(name, "needs one of value and uri, and not both");
        return std::nullopt;
    }
    SharedKey key;
    key.key = section.path(name);
    key.line = section.line(name);
    if (table->has("uri")) {
        key.file = key_file(*table, "uri");
        if (!key.file) return std::nullopt;
        return key;
    }
    const auto text = table->string("value");
    if (!text) return std::nullopt;
    if (const auto wrong = check_base64(*text)) {
        table->problem("value", *wrong, "copy the key as the service shows it, to its last =");
        return std::nullopt;
    }
    key.value = Secret(*base64_decode(*text));
    return key;
}

// identity_cert is the URI of a file, or a table that says who issues it.
void identity_files(const ConfigSection& section, Provisioning& out) {
    if (section.kind("identity_cert") == ConfigKind::table) {
        out.identity_issue = issue_options(*section.table("identity_cert"));
        if (section.has("identity_pk"))
            section.problem("identity_pk", "is made by the device when identity_cert is a table: leave it out");
        return;
    }
    if (section.required_string("identity_cert", "the URI of the certificate chain's file, device first"))
        out.identity_certificate = file(section, "identity_cert");
    if (section.required_string("identity_pk", "the URI of the private key's file"))
        out.identity_key = key_file(section, "identity_pk");
}

void manual_provisioning(const ConfigSection& section, Provisioning& out) {
    out.authorities = file(section, "iothub_ca");
    if (section.has("connection_string")) return connection_string(section, out);
    if (auto hub = required(section, "iothub_hostname", "or connection_string instead", check_host_and_port))
        out.iothub_hostname = std::move(*hub);
    if (auto device = required(section, "device_id", "or connection_string instead", check_device_id))
        out.device_id = std::move(*device);
    authentication(section, out);
}

}  // namespace muster::edge::readers
