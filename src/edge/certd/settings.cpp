#include "edge/certd/settings.h"

#include "base/text.h"

namespace muster::edge::certd {
namespace {

Result<Method> method_of(const std::string& name, const std::string& id) {
    if (name == "self_signed") return Method::self_signed;
    if (name == "local_ca") return Method::local_ca;
    if (name == "est") return Method::est;
    return fail(Errc::invalid_argument, "cert_issuance.{}.method is \"{}\"; known: self_signed, local_ca, est", id,
                name);
}

Result<std::optional<pki::Subject>> subject_of(const json::object& options, const std::string& id) {
    MUSTER_TRY(const auto name, optional_string(options, "common_name"));
    if (name) return pki::Subject{{"CN", name->substr(0, 64)}};
    MUSTER_TRY(const auto* parts, optional_object(options, "subject"));
    if (parts == nullptr) return std::nullopt;
    pki::Subject subject, most_specific;
    for (const auto& part : *parts) {
        if (!part.value().is_string())
            return fail(Errc::invalid_argument, "cert_issuance.{}.subject.{} must be a string", id,
                        std::string_view(part.key()));
        auto& into = part.key() == "CN" ? most_specific : subject;
        into.emplace_back(part.key(), part.value().get_string());
    }
    // The CN stands last (X.501).
    subject.insert(subject.end(), most_specific.begin(), most_specific.end());
    return subject;
}

Result<std::optional<renewal::PairIds>> pair_of(const json::object& table, const std::string& prefix,
                                                const std::string& where) {
    MUSTER_TRY(auto certificate, optional_string(table, prefix + "cert"));
    MUSTER_TRY(auto key, optional_string(table, prefix + "pk"));
    if (certificate.has_value() != key.has_value())
        return fail(Errc::invalid_argument, "{0}: {1}cert and {1}pk go together", where, prefix);
    if (!certificate) return std::nullopt;
    return renewal::PairIds{std::move(*certificate), std::move(*key)};
}

Result<EstAuth> auth_of(const json::object& table, const std::string& where) {
    EstAuth auth;
    auth.username = string_or(table, "username");
    auth.password = string_or(table, "password");
    if (auth.username.find_first_of(std::string_view(":\r\n\0", 4)) != std::string::npos ||
        auth.password.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
        return fail(Errc::invalid_argument, "{}: username or password holds a character that HTTP cannot carry", where);
    MUSTER_TRY(auth.identity, pair_of(table, "identity_", where));
    MUSTER_TRY(auth.bootstrap, pair_of(table, "bootstrap_identity_", where));
    return auth;
}

// What is wrong with it is said when it is to be used: other certificates are served all the same.
std::string without_slash(std::string url) {
    while (url.ends_with('/')) url.pop_back();
    return url;
}

Result<std::optional<renewal::Policy>> policy_of(const json::object& table, std::string_view name,
                                                 const std::string& where) {
    MUSTER_TRY(const auto* policy, optional_object(table, name));
    if (policy == nullptr) return std::nullopt;
    return renewal::Policy::from_settings(*policy, where + "." + std::string(name));
}

Result<Issuance> read_issuance_of(const json::object& options, const std::string& id) {
    const auto where = "cert_issuance." + id;
    Issuance issuance;
    MUSTER_TRY(const auto method, required_string(options, "method"));
    MUSTER_TRY(issuance.method, method_of(method, id));
    MUSTER_TRY(issuance.subject, subject_of(options, id));
    MUSTER_TRY(const auto days, optional_integer(options, "expiry_days"));
    if (days && (*days < 1 || *days > 36500))
        return fail(Errc::invalid_argument, "cert_issuance.{}.expiry_days is {}; 1 to 36500", id, *days);
    if (days) issuance.expiry_days = static_cast<int>(*days);
    MUSTER_TRY(auto url, optional_string(options, "url"));
    if (url) issuance.url = without_slash(std::move(*url));
    MUSTER_TRY(issuance.auth, auth_of(options, where));
    MUSTER_TRY(issuance.auto_renew, policy_of(options, "auto_renew", where));
    return issuance;
}

Result<std::vector<std::string>> read_trusted(const json::object& est) {
    std::vector<std::string> ids;
    const auto* list = find_member(est, "trusted_certs");
    if (list == nullptr) return ids;
    if (!list->is_array()) return fail(Errc::invalid_argument, "cert_issuance.est.trusted_certs must be a list of ids");
    for (const auto& id : list->get_array()) {
        if (!id.is_string())
            return fail(Errc::invalid_argument, "cert_issuance.est.trusted_certs must be a list of ids");
        ids.emplace_back(id.get_string());
    }
    return ids;
}

Result<EstSettings> read_est(const json::object& est) {
    EstSettings settings;
    MUSTER_TRY(settings.trusted_certs, read_trusted(est));
    MUSTER_TRY(const auto* auth, optional_object(est, "auth"));
    if (auth != nullptr) {
        MUSTER_TRY(settings.auth, auth_of(*auth, "cert_issuance.est.auth"));
    }
    MUSTER_TRY(const auto* urls, optional_object(est, "urls"));
    if (urls != nullptr)
        for (const auto& entry : *urls) {
            const std::string id(entry.key());
            MUSTER_TRY(auto url, required_string(*urls, id));
            settings.urls[id] = without_slash(std::move(url));
        }
    MUSTER_TRY(const auto policy, policy_of(est, "identity_auto_renew", "cert_issuance.est"));
    settings.identity_auto_renew = policy.value_or(renewal::Policy{});
    return settings;
}

// The two issuers themselves.
Result<> read_issuers(const json::object& object, Settings& settings) {
    MUSTER_TRY(const auto* entries, optional_object(object, "cert_issuance"));
    if (entries == nullptr) return {};
    MUSTER_TRY(const auto* est, optional_object(*entries, "est"));
    if (est != nullptr) {
        MUSTER_TRY(settings.est, read_est(*est));
    }
    MUSTER_TRY(const auto* local_ca, optional_object(*entries, "local_ca"));
    if (local_ca != nullptr) {
        MUSTER_TRY(settings.local_ca, pair_of(*local_ca, "", "cert_issuance.local_ca"));
    }
    return {};
}

Result<std::map<std::string, Issuance>> read_issuance(const json::object& object) {
    std::map<std::string, Issuance> all;
    MUSTER_TRY(const auto* entries, optional_object(object, "cert_issuance"));
    if (entries == nullptr) return all;
    for (const auto& entry : *entries) {
        const std::string id(entry.key());
        if (!entry.value().is_object()) return fail(Errc::invalid_argument, "cert_issuance.{} must be a table", id);
        // Settings of the two issuers themselves, not of a certificate.
        if (id == "est" || id == "local_ca") continue;
        MUSTER_TRY(all[id], read_issuance_of(entry.value().get_object(), id));
    }
    return all;
}

Result<Preloaded> preloaded_of(const json::value& value, const std::string& id) {
    const auto what = fmt::format("preloaded_certs.{}", id);
    if (value.is_string()) {
        MUSTER_TRY(auto path, file_uri_path(std::string_view(value.get_string()), what));
        return path;
    }
    std::vector<std::string> members;
    if (!value.is_array()) return fail(Errc::invalid_argument, "{} must be a file:/// URI or a list of ids", what);
    for (const auto& member : value.get_array()) {
        if (!member.is_string()) return fail(Errc::invalid_argument, "{} must be a list of ids", what);
        members.emplace_back(member.get_string());
    }
    return members;
}

Result<std::map<std::string, Preloaded>> read_preloaded(const json::object& object) {
    std::map<std::string, Preloaded> all;
    MUSTER_TRY(const auto* entries, optional_object(object, "preloaded_certs"));
    if (entries == nullptr) return all;
    for (const auto& entry : *entries) {
        const std::string id(entry.key());
        MUSTER_TRY(all[id], preloaded_of(entry.value(), id));
    }
    return all;
}

}  // namespace

Result<Settings> Settings::load(const Paths& paths) {
    return read_settings(SettingsFiles::of(paths, Service::certd),
                         [&](const json::object& object) { return from(object, paths); });
}

Result<Settings> Settings::from(const json::object& object, const Paths& paths) {
    warn_unknown(object, {"homedir_path", "cert_issuance", "preloaded_certs", "principal", "max_requests", "proxy"},
                 "certd settings");
    Settings settings;
    settings.home = device_path(paths, string_or(object, "homedir_path"), paths.state_directory(Service::certd));
    MUSTER_TRY(settings.issuance, read_issuance(object));
    MUSTER_CHECK(read_issuers(object, settings));
    MUSTER_TRY(settings.preloaded, read_preloaded(object));
    MUSTER_TRY(settings.proxy, read_proxy(object));
    MUSTER_TRY(settings.principals, Principals::from_settings(object, "certs"));
    MUSTER_TRY(const auto most, optional_integer(object, "max_requests"));
    if (most) settings.limits.running = static_cast<std::size_t>(std::clamp<std::int64_t>(*most, 1, 1000));
    return settings;
}

std::string_view without_temp(std::string_view id) {
    constexpr std::string_view mark = "-temp";
    if (id.ends_with(mark) && id.size() > mark.size()) id.remove_suffix(mark.size());
    return id;
}

const Issuance* Settings::issuance_of(const std::string& id) const {
    auto at = issuance.find(id);
    if (at == issuance.end()) at = issuance.find(std::string(without_temp(id)));
    return at == issuance.end() ? nullptr : &at->second;
}

Result<EstTarget> est_target(const Settings& settings, const std::string& id) {
    const auto* issuance = settings.issuance_of(id);
    const std::string base(without_temp(id));
    EstTarget target;
    if (issuance != nullptr && issuance->url) target.url = *issuance->url;
    const std::vector<std::string> names{id, base, "default"};
    for (const auto& name : names)
        if (const auto at = settings.est.urls.find(name); target.url.empty() && at != settings.est.urls.end())
            target.url = at->second;
    if (target.url.empty())
        return fail(
            Error(Errc::conflict, fmt::format("certificate \"{}\" is to be issued by EST, but nothing says where "
                                              "the server is",
                                              printable(id)))
                .with_hint("set default = \"https://...\" in [cert_issuance.est.urls] of /etc/aziot/config.toml, "
                           "then run: iotedge config apply"));
    if (!starts_with_ignore_case(target.url, "https://") || target.url.find_first_of("?#@ ") != std::string::npos)
        return fail(Error(Errc::conflict, fmt::format("certificate \"{}\": the EST server's url is \"{}\"; it must be "
                                                      "https://host[:port]/path",
                                                      printable(id), printable(target.url)))
                        .with_hint("correct it in /etc/aziot/config.toml, then run: iotedge config apply"));
    target.auth = issuance != nullptr && issuance->auth.any() ? issuance->auth : settings.est.auth;
    return target;
}

Result<EstTarget> est_target_of_identity(const Settings& settings, const renewal::PairIds& ids) {
    MUSTER_TRY(auto target, [&]() -> Result<EstTarget> {
        // A certificate that brings credentials of its own also says where they are good for.
        for (const auto& [id, issuance] : settings.issuance)
            if (issuance.auth.identity == ids) return est_target(settings, id);
        auto general = est_target(settings, ids.certificate);
        if (general) general->auth = settings.est.auth;
        return general;
    }());
    if (const auto at = settings.est.urls.find(ids.certificate); at != settings.est.urls.end()) target.url = at->second;
    return target;
}

}  // namespace muster::edge::certd
