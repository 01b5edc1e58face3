// [cert_issuance], [edge_ca], [preloaded_certs], [preloaded_keys] (facts/device.md 1.2, 1.4, 1.5).
#include "base/text.h"
#include "edge/config/readers.h"
#include "edge/config/values.h"

namespace muster::edge::readers {
namespace {

const std::vector<std::string> est_keys{
    "url", "username", "password", "identity_cert", "identity_pk", "bootstrap_identity_cert", "bootstrap_identity_pk"};

Complaint check_url(std::string_view text) {
    constexpr std::string_view scheme = "https://";
    if (is_placeholder(text)) return fmt::format("is still the template's \"{}\"", text);
    if (starts_with_ignore_case(text, "http://")) return "must be https: EST is spoken over TLS only (RFC 7030)";
    if (!starts_with_ignore_case(text, scheme))
        return fmt::format("must be a URL, \"https://...\", not \"{}\"", printable(text));
    if (text.find_first_of("?#@ ") != std::string_view::npos)
        return "must be https://host[:port]/path, without user name, query or fragment";
    if (text.size() == scheme.size() || text[scheme.size()] == '/') return "names no host";
    return std::nullopt;
}

// Goes into an HTTP header, the two with a colon between.
void check_basic(const ConfigSection& section, std::string_view name, std::string_view forbidden) {
    const auto text = section.string(name);
    const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (text && (std::ranges::any_of(*text, control) || text->find_first_of(forbidden) != std::string::npos))
        section.problem(name, forbidden.empty() ? "must not hold control characters"
                                                : "must not hold control characters or a colon");
}

void check_together(const ConfigSection& section, std::string_view one, std::string_view other) {
    if (section.has(one) != section.has(other))
        section.problem(section.has(one) ? one : other, fmt::format("{} and {} go together", one, other));
}

EstAuth est_auth(const ConfigSection& section) {
    EstAuth auth;
    auth.username = section.string("username");
    auth.password = section.string("password");
    check_basic(section, "username", ":");
    check_basic(section, "password", "");
    check_together(section, "username", "password");
    auth.certificate = file(section, "identity_cert");
    auth.key = key_file(section, "identity_pk");
    check_together(section, "identity_cert", "identity_pk");
    auth.bootstrap_certificate = file(section, "bootstrap_identity_cert");
    auth.bootstrap_key = key_file(section, "bootstrap_identity_pk");
    check_together(section, "bootstrap_identity_cert", "bootstrap_identity_pk");
    if (auth.certificate && auth.bootstrap_certificate)
        section.problem("bootstrap_identity_cert",
                        "stands beside identity_cert: give the certificate to sign in with, or the one to get it with");
    return auth;
}

std::vector<GivenFile> files(const ConfigSection& section, std::string_view name) {
    std::vector<GivenFile> out;
    for (const auto& uri : section.strings(name).value_or(std::vector<std::string>{})) {
        auto path = path_of_file_uri(uri);
        if (path)
            out.push_back({uri, std::move(*path), section.path(name), section.line(name)});
        else
            section.problem(name, path.error().message(), path.error().hint());
    }
    return out;
}

void est(const ConfigSection& issuance, SuperConfig& config) {
    const auto table = issuance.table("est");
    if (!table) return;
    EstSettings est;
    est.line = issuance.line("est");
    est.trusted_certs = files(*table, "trusted_certs");
    if (table->kind("identity_auto_renew") == ConfigKind::boolean)
        table->problem("identity_auto_renew",
                       "must be a table: what the device signs in with cannot be left to expire");
    else if (table->has("identity_auto_renew"))
        est.identity_auto_renew = auto_renew(*table, "identity_auto_renew");
    if (const auto auth = table->table("auth")) est.auth = est_auth(*auth);
    if (const auto urls = table->table("urls"))
        for (const auto& id : urls->names())
            if (auto url = checked(*urls, id, check_url)) est.urls[id] = std::move(*url);
    config.est = std::move(est);
}

void local_ca(const ConfigSection& issuance, SuperConfig& config) {
    const auto table = issuance.table("local_ca");
    if (!table) return;
    LocalCa ca;
    if (table->has("cert") || table->has("pk")) {
        if (table->required_string("cert", "cert and pk go together")) ca.certificate = file(*table, "cert");
        if (table->required_string("pk", "cert and pk go together")) ca.key = key_file(*table, "pk");
        only_with(*table, {"method", "common_name", "subject", "expiry_days", "auto_renew"},
                  "an issued authority, without cert and pk");
    } else {
        ca.issue = issue_options(*table);
        if (ca.issue->method == IssueOptions::Method::local_ca)
            table->problem("method", "must be \"self_signed\" or \"est\": the authority cannot issue itself");
        // A new key is a new authority, which everyone would have to be told of.
        if (!table->has("auto_renew")) ca.issue->auto_renew->rotate_key = false;
    }
    config.local_ca = std::move(ca);
}

IssueOptions::Method method_of(std::string_view name) {
    if (name == "est") return IssueOptions::Method::est;
    return name == "local_ca" ? IssueOptions::Method::local_ca : IssueOptions::Method::self_signed;
}

// Two names for one thing: the quickstart's and the issued form's.
std::optional<std::uint32_t> edge_ca_days(const ConfigSection& table) {
    constexpr std::string_view quickstart = "auto_generated_edge_ca_expiry_days";
    if (table.has(quickstart) && table.has("expiry_days"))
        table.problem("expiry_days", "stands beside auto_generated_edge_ca_expiry_days: give one of the two");
    const auto days = table.integer(table.has(quickstart) ? quickstart : "expiry_days", 1, 36500);
    if (!days) return std::nullopt;
    return static_cast<std::uint32_t>(*days);
}

EdgeCa edge_ca_of_files(const ConfigSection& table) {
    EdgeCa ca;
    if (table.required_string("cert", "the file of the authority's certificate goes with pk"))
        ca.certificate = file(table, "cert");
    if (table.required_string("pk", "the file of the authority's key goes with cert")) ca.key = key_file(table, "pk");
    only_with(table,
              {"method", "auto_generated_edge_ca_expiry_days", "expiry_days", "auto_renew", "common_name", "subject"},
              "an authority that the device makes itself, without cert and pk");
    return ca;
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

IssueOptions issue_options(const ConfigSection& section) {
    IssueOptions options;
    options.key = section.path();
    options.line = section.line();
    if (!section.has("method")) section.problem("method", "is missing: \"est\", \"local_ca\" or \"self_signed\"");
    const auto method = section.choice("method", {"est", "local_ca", "self_signed"});
    if (method) options.method = method_of(*method);
    auto name = subject(section);
    options.common_name = std::move(name.common_name);
    options.subject = std::move(name.rest);
    if (const auto days = section.integer("expiry_days", 1, 36500))
        options.expiry_days = static_cast<std::uint32_t>(*days);
    options.auto_renew = auto_renew(section, "auto_renew");
    if (method && *method != "est") {
        only_with(section, est_keys, "method = \"est\"");
        return options;
    }
    options.url = checked(section, "url", check_url);
    // One that is wrong is there, all the same.
    if (!options.url && section.kind("url") == ConfigKind::string)
        options.url = given(section, "url", *section.string("url"));
    options.auth = est_auth(section);
    return options;
}

void cert_issuance(const ConfigSection& root, SuperConfig& config) {
    const auto table = root.table("cert_issuance");
    if (!table) return;
    est(*table, config);
    local_ca(*table, config);
}

EdgeCa edge_ca(const ConfigSection& root) {
    EdgeCa ca;
    const auto table = root.table("edge_ca");
    if (!table) return ca;
    if (table->has("cert") || table->has("pk")) return edge_ca_of_files(*table);
    if (table->has("method")) {
        ca.issue = issue_options(*table);
        if (table->has("auto_generated_edge_ca_expiry_days")) ca.issue.expiry_days = edge_ca_days(*table);
        return ca;
    }
    ca.issue.key = table->path();
    ca.issue.line = table->line();
    ca.issue.expiry_days = edge_ca_days(*table);
    ca.issue.auto_renew = auto_renew(*table, "auto_renew");
    auto name = subject(*table);
    ca.issue.common_name = std::move(name.common_name);
    ca.issue.subject = std::move(name.rest);
    only_with(*table, est_keys, "method = \"est\"");
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
