#include "edge/certd/settings.h"

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

Result<Issuance> issuance_of(const json::object& options, const std::string& id) {
    Issuance issuance;
    MUSTER_TRY(const auto method, required_string(options, "method"));
    MUSTER_TRY(issuance.method, method_of(method, id));
    MUSTER_TRY(issuance.subject, subject_of(options, id));
    MUSTER_TRY(const auto days, optional_integer(options, "expiry_days"));
    if (days && (*days < 1 || *days > 36500))
        return fail(Errc::invalid_argument, "cert_issuance.{}.expiry_days is {}; 1 to 36500", id, *days);
    if (days) issuance.expiry_days = static_cast<int>(*days);
    return issuance;
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
        MUSTER_TRY(all[id], issuance_of(entry.value().get_object(), id));
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
    MUSTER_TRY(const auto object, load_settings(SettingsFiles::of(paths, Service::certd)));
    return from(object, paths);
}

Result<Settings> Settings::from(const json::object& object, const Paths& paths) {
    warn_unknown(object, {"homedir_path", "cert_issuance", "preloaded_certs", "principal", "max_requests"},
                 "certd settings");
    Settings settings;
    settings.home = device_path(paths, string_or(object, "homedir_path"), paths.state_directory(Service::certd));
    MUSTER_TRY(settings.issuance, read_issuance(object));
    MUSTER_TRY(settings.preloaded, read_preloaded(object));
    MUSTER_TRY(settings.principals, Principals::from_settings(object, "certs"));
    MUSTER_TRY(const auto most, optional_integer(object, "max_requests"));
    if (most) settings.limits.running = static_cast<std::size_t>(std::clamp<std::int64_t>(*most, 1, 1000));
    return settings;
}

}  // namespace muster::edge::certd
