// [cert_issuance], [edge_ca], [preloaded_certs], [preloaded_keys] (facts/device.md 1.2, 1.4, 1.5).
#include "base/text.h"
#include "edge/config/readers.h"
#include "edge/config/values.h"

namespace muster::edge::readers {
namespace {

Complaint check_url(std::string_view text) {
    if (is_placeholder(text)) return fmt::format("is still the template's \"{}\"", text);
    if (starts_with_ignore_case(text, "https://") || starts_with_ignore_case(text, "http://")) return std::nullopt;
    return fmt::format("must be a URL, \"https://...\", not \"{}\"", printable(text));
}

// The credentials for EST: a name and password, a certificate, or one to begin with.
void est_credentials(const ConfigSection& section) {
    (void)section.string("username");
    (void)section.string("password");
    if (section.has("username") != section.has("password"))
        section.problem(section.has("username") ? "username" : "password", "username and password go together");
    for (const std::string prefix : {"", "bootstrap_"}) {
        const auto cert = prefix + "identity_cert";
        const auto key = prefix + "identity_pk";
        (void)file(section, cert);
        if (section.has(key) && section.kind(key) != ConfigKind::string) (void)section.string(key);
        if (section.has(cert) != section.has(key))
            section.problem(section.has(cert) ? cert : key, fmt::format("{} and {} go together", cert, key));
    }
}

void est(const ConfigSection& issuance) {
    const auto table = issuance.table("est");
    if (!table) return;
    (void)table->strings("trusted_certs");
    (void)auto_renew(*table, "identity_auto_renew");
    if (const auto auth = table->table("auth")) est_credentials(*auth);
    if (const auto urls = table->table("urls"))
        for (const auto& id : urls->names()) (void)checked(*urls, id, check_url);
    later(issuance, "est", "issuing certificates through EST");
}

void local_ca(const ConfigSection& issuance) {
    const auto table = issuance.table("local_ca");
    if (!table) return;
    if (table->has("cert") || table->has("pk")) {
        for (const auto* name : {"cert", "pk"}) (void)table->required_string(name, "cert and pk go together");
        only_with(*table, {"method", "common_name", "subject", "expiry_days", "auto_renew"},
                  "an issued authority, without cert and pk");
    } else {
        issue_options(*table);
    }
    later(issuance, "local_ca", "an authority of the device's own");
}

bool issued_by_another(const ConfigSection& table) {
    const auto method = table.choice("method", {"self_signed", "local_ca", "est"});
    return method && *method != "self_signed";
}

void preloaded_cert(const ConfigSection& table, const std::string& id, SuperConfig& config) {
    Preloaded entry;
    if (table.kind(id) == ConfigKind::array) {
        const auto ids = table.strings(id);
        if (!ids) return;
        entry.ids = *ids;
    } else {
        entry.file = file(table, id);
        if (!entry.file) return;
    }
    config.preloaded_certs[id] = std::move(entry);
}

}  // namespace

void issue_options(const ConfigSection& section) {
    if (!section.has("method")) section.problem("method", "is missing: \"est\", \"local_ca\" or \"self_signed\"");
    const auto method = section.choice("method", {"est", "local_ca", "self_signed"});
    (void)subject(section);
    (void)section.integer("expiry_days", 1, 36500);
    (void)auto_renew(section, "auto_renew");
    if (method && *method != "est") {
        only_with(section,
                  {"url", "username", "password", "identity_cert", "identity_pk", "bootstrap_identity_cert",
                   "bootstrap_identity_pk"},
                  "method = \"est\"");
        return;
    }
    (void)checked(section, "url", check_url);
    est_credentials(section);
}

void cert_issuance(const ConfigSection& root) {
    const auto table = root.table("cert_issuance");
    if (!table) return;
    est(*table);
    local_ca(*table);
}

EdgeCa edge_ca(const ConfigSection& root) {
    EdgeCa ca;
    const auto table = root.table("edge_ca");
    if (!table) {
        ca.auto_renew = AutoRenew{};
        return ca;
    }
    if (table->has("cert") || table->has("pk")) {
        if (table->required_string("cert", "the file of the authority's certificate goes with pk"))
            ca.certificate = file(*table, "cert");
        if (table->required_string("pk", "the file of the authority's key goes with cert"))
            ca.key = key_file(*table, "pk");
        only_with(
            *table,
            {"method", "auto_generated_edge_ca_expiry_days", "expiry_days", "auto_renew", "common_name", "subject"},
            "an authority that the device makes itself, without cert and pk");
        return ca;
    }
    if (table->has("method") && issued_by_another(*table)) {
        issue_options(*table);
        later(*table, "method", "an edge authority issued by EST or a local authority");
        return ca;
    }
    // Two names for one thing: the quickstart's and the issued form's.
    const auto* const days_name =
        table->has("auto_generated_edge_ca_expiry_days") ? "auto_generated_edge_ca_expiry_days" : "expiry_days";
    if (days_name != std::string_view("expiry_days") && table->has("expiry_days"))
        table->problem("expiry_days", "stands beside auto_generated_edge_ca_expiry_days: give one of the two");
    const auto days = table->integer(days_name, 1, 36500);
    ca.expiry_days = static_cast<std::uint32_t>(days.value_or(90));
    ca.auto_renew = auto_renew(*table, "auto_renew");
    auto name = subject(*table);
    ca.common_name = std::move(name.common_name);
    ca.subject = std::move(name.rest);
    only_with(*table,
              {"url", "username", "password", "identity_cert", "identity_pk", "bootstrap_identity_cert",
               "bootstrap_identity_pk"},
              "method = \"est\"");
    return ca;
}

void preloaded(const ConfigSection& root, SuperConfig& config) {
    if (const auto certs = root.table("preloaded_certs"))
        for (const auto& id : certs->names()) preloaded_cert(*certs, id, config);
    if (const auto keys = root.table("preloaded_keys"))
        for (const auto& id : keys->names())
            if (auto key = key_file(*keys, id)) config.preloaded_keys[id] = std::move(*key);
}

}  // namespace muster::edge::readers
