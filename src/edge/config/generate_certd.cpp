// certd's file: who issues which certificate, and what is handed out as it is (facts/device.md 1.4, 1.5, 2.2).
#include <algorithm>

#include "edge/config/generate_parts.h"

namespace muster::edge {
namespace {

using Method = IssueOptions::Method;

std::string_view method_name(Method method) {
    switch (method) {
        case Method::self_signed: return "self_signed";
        case Method::local_ca: return "local_ca";
        case Method::est: break;
    }
    return "est";
}

// The credentials of a place, with the ending that its ids have: none for those of [cert_issuance.est.auth], else
// "-device-id" and so on.
struct Place {
    const EstAuth* auth;
    std::string ending;

    std::string identity() const { return "est-id" + ending; }
    std::string bootstrap() const { return "est-bootstrap-id" + ending; }
};

std::vector<Place> places(const SuperConfig& config) {
    std::vector<Place> all;
    const auto add = [&](const EstAuth& auth, const std::string& ending) {
        if (auth.any()) all.push_back({&auth, ending});
    };
    if (config.est) add(config.est->auth, "");
    if (config.provisioning.identity_issue) add(config.provisioning.identity_issue->auth, "-device-id");
    if (issues_edge_ca(config.edge_ca)) add(config.edge_ca.issue.auth, "-aziot-edged-ca");
    if (config.local_ca && config.local_ca->issue) add(config.local_ca->issue->auth, "-local-ca");
    return all;
}

void auth_values(TomlText& out, const Place& place) {
    const auto& auth = *place.auth;
    if (auth.username) out.text("username", *auth.username);
    if (auth.password) out.text("password", *auth.password);
    if (auth.certificate || auth.bootstrap_certificate) {
        out.text("identity_cert", place.identity());
        out.text("identity_pk", place.identity());
    }
    if (!auth.bootstrap_certificate) return;
    out.text("bootstrap_identity_cert", place.bootstrap());
    out.text("bootstrap_identity_pk", place.bootstrap());
}

void issue_values(TomlText& out, const IssueOptions& options, std::string_view id) {
    out.text("method", method_name(options.method));
    if (options.method == Method::est) {
        if (options.url) out.text("url", options.url->value);
        if (options.auth.any()) auth_values(out, {&options.auth, "-" + std::string(id)});
        return;
    }
    if (options.expiry_days) out.number("expiry_days", *options.expiry_days);
}

// The certificate, and the next one that it makes room for.
void issue(TomlText& out, const IssueOptions& options, std::string_view id, bool with_subject) {
    Texts ids{std::string(id)};
    if (options.auto_renew) ids.push_back(next_id(id));
    for (const auto& each : ids) {
        out.table({"cert_issuance", each});
        issue_values(out, options, id);
        if (with_subject && options.method != Method::est) subject_values(out, options);
    }
}

// A table of ours: the rule by which certd renews it itself.
void renewed_by_certd(TomlText& out, const IssueOptions& options, std::string_view id) {
    if (!options.auto_renew) return;
    out.table({"cert_issuance", std::string(id), "auto_renew"});
    auto_renew_values(out, *options.auto_renew);
}

void issue_edge_ca(TomlText& out, const EdgeCa& ca) {
    auto options = ca.issue;
    if (!options.expiry_days) options.expiry_days = 90;
    issue(out, options, edge_ca_id, true);
    renewed_by_certd(out, options, edge_ca_id);
}

void issue_local_ca(TomlText& out, const IssueOptions& options) {
    out.table({"cert_issuance", std::string(local_ca_id)});
    issue_values(out, options, local_ca_id);
    subject_values(out, options);
    renewed_by_certd(out, options, local_ca_id);
}

std::string trusted_id(std::size_t index) {
    return fmt::format("est-server-ca-{}", index + 1);
}

void est(TomlText& out, const EstSettings& est) {
    out.table({"cert_issuance", "est"});
    if (!est.trusted_certs.empty()) {
        Texts ids;
        for (std::size_t i = 0; i < est.trusted_certs.size(); ++i) ids.push_back(trusted_id(i));
        out.texts("trusted_certs", ids);
    }
    if (est.auth.any()) {
        out.table({"cert_issuance", "est", "auth"});
        auth_values(out, {&est.auth, ""});
    }
    if (est.identity_auto_renew) {
        out.table({"cert_issuance", "est", "identity_auto_renew"});
        auto_renew_values(out, *est.identity_auto_renew);
    }
    if (est.urls.empty()) return;
    out.table({"cert_issuance", "est", "urls"});
    for (const auto& [id, url] : est.urls) out.text(id, url.value);
}

void issuance(TomlText& out, const SuperConfig& config) {
    if (config.provisioning.identity_issue) issue(out, *config.provisioning.identity_issue, device_id, false);
    if (issues_edge_ca(config.edge_ca)) issue_edge_ca(out, config.edge_ca);
    if (config.local_ca && config.local_ca->issue) issue_local_ca(out, *config.local_ca->issue);
    if (config.est) est(out, *config.est);
    if (!config.local_ca) return;
    out.table({"cert_issuance", "local_ca"});
    out.text("cert", local_ca_id);
    out.text("pk", local_ca_id);
}

// Certificates from files, by id.
std::map<std::string, Preloaded> preloaded(const SuperConfig& config) {
    std::map<std::string, Preloaded> all = config.preloaded_certs;
    const auto add = [&](std::string id, const std::optional<GivenFile>& file) {
        if (file) all[std::move(id)] = Preloaded{file, {}};
    };
    Texts bundle{std::string(edge_ca_id)};
    if (config.trust_bundle) bundle.emplace_back("trust-bundle-user");
    all["aziot-edged-trust-bundle"] = Preloaded{std::nullopt, bundle};
    add("trust-bundle-user", config.trust_bundle);
    add(std::string(device_id), config.provisioning.identity_certificate);
    add(std::string(edge_ca_id), config.edge_ca.certificate);
    if (config.local_ca) add(std::string(local_ca_id), config.local_ca->certificate);
    for (const auto& place : places(config)) {
        add(place.identity(), place.auth->certificate);
        add(place.bootstrap(), place.auth->bootstrap_certificate);
    }
    if (config.est)
        for (std::size_t i = 0; i < config.est->trusted_certs.size(); ++i)
            add(trusted_id(i), config.est->trusted_certs[i]);
    for (const auto& [host, file] : config.moby.content_trust) add("content-trust-" + host, file);
    return all;
}

void preloaded_section(TomlText& out, const SuperConfig& config) {
    out.table({"preloaded_certs"});
    for (const auto& [id, entry] : preloaded(config)) {
        if (entry.file)
            out.text(id, entry.file->uri);
        else
            out.texts(id, entry.ids);
    }
}

// The keys of a certificate that certd signs with itself, or signs in with for its renewal.
void add_key(Texts& keys, std::string_view id, bool next) {
    keys.emplace_back(id);
    if (next) keys.push_back(next_id(id));
}

}  // namespace

std::string certd_file(const GenerateInput& in) {
    const auto& config = in.config;
    auto out = begin_file();
    out.text("homedir_path", "/var/lib/aziot/certd");
    if (config.max_requests) out.number("max_requests", config.max_requests->certd);
    issuance(out, config);
    preloaded_section(out, config);
    proxy_section(out, config);
    if (const auto& identity = config.provisioning.identity_issue) {
        Texts ids{std::string(device_id)};
        if (identity->auto_renew) ids.push_back(next_id(device_id));
        principal(out, in.uids.identityd, "certs", ids);
    }
    Texts edged;
    if (issues_edge_ca(config.edge_ca)) edged.emplace_back(edge_ca_id);
    edged.emplace_back("aziot-edged/module/*");
    if (issues_edge_ca(config.edge_ca) && config.edge_ca.issue.auto_renew) edged.push_back(next_id(edge_ca_id));
    principal(out, in.uids.edged, "certs", edged);
    return out.str();
}

std::map<std::string, GivenFile> issuing_keys(const SuperConfig& config) {
    std::map<std::string, GivenFile> keys;
    if (config.local_ca && config.local_ca->key) keys[std::string(local_ca_id)] = *config.local_ca->key;
    for (const auto& place : places(config)) {
        if (place.auth->key) keys[place.identity()] = *place.auth->key;
        if (place.auth->bootstrap_key) keys[place.bootstrap()] = *place.auth->bootstrap_key;
    }
    return keys;
}

Texts keys_of_certd(const SuperConfig& config) {
    Texts keys;
    // Self-signed, with the key itself; from an EST server, signed in with the certificate that is renewed.
    const auto uses_key = [](const IssueOptions& options) { return options.method != Method::local_ca; };
    // And the edge CA's, for its renewal.
    if (const auto& ca = config.edge_ca; issues_edge_ca(ca) && (uses_key(ca.issue) || ca.issue.auto_renew))
        add_key(keys, edge_ca_id, ca.issue.auto_renew.has_value());
    if (const auto& identity = config.provisioning.identity_issue; identity && uses_key(*identity))
        add_key(keys, device_id, identity->auto_renew.has_value());
    if (config.local_ca)
        add_key(keys, local_ca_id, config.local_ca->issue && config.local_ca->issue->auto_renew.has_value());
    for (const auto& place : places(config)) {
        const bool bootstrapped = place.auth->bootstrap_certificate.has_value();
        if (place.auth->certificate || bootstrapped) add_key(keys, place.identity(), bootstrapped);
        if (bootstrapped) keys.push_back(place.bootstrap());
    }
    return keys;
}

}  // namespace muster::edge
