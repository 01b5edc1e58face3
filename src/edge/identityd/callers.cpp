#include "edge/identityd/callers.h"

#include "edge/service/principals.h"

namespace muster::edge::identityd {
namespace {

Result<std::vector<std::string>> read_id_types(const json::object& entry, const std::string& name) {
    std::vector<std::string> types;
    const auto* list = find_member(entry, "idtype");
    if (list == nullptr) return types;
    if (!list->is_array()) return fail(Errc::invalid_argument, "idtype of the principal \"{}\" must be a list", name);
    for (const auto& value : list->get_array()) {
        const std::string type(value.is_string() ? std::string_view(value.get_string()) : std::string_view());
        if (type != "device" && type != "module" && type != "local")
            return fail(Errc::invalid_argument,
                        "idtype of the principal \"{}\" must hold \"device\", \"module\" or \"local\"", name);
        types.push_back(type);
    }
    return types;
}

Result<Principal> read_principal(const json::value& value) {
    if (!value.is_object()) return fail(Errc::invalid_argument, "principal must be written as [[principal]]");
    const auto& entry = value.get_object();
    Principal principal;
    MUSTER_TRY(principal.uid, principal_uid(entry));
    MUSTER_TRY(principal.name, required_string(entry, "name"));
    MUSTER_TRY(principal.id_types, read_id_types(entry, principal.name));
    MUSTER_TRY(const auto* local, optional_object(entry, "localid"));
    if (local == nullptr) return principal;
    auto options = LocalOptions::from(*local);
    if (!options) return fail(options.error().wrap(fmt::format("localid of the principal \"{}\"", principal.name)));
    principal.local = *options;
    return principal;
}

std::unexpected<Error> forbidden(uid_t uid, std::string_view what) {
    return fail(Error(Errc::forbidden, fmt::format("user {} has no right to {}", uid, what))
                    .with_hint(fmt::format(
                        "add a [[principal]] with uid = {} and a name in /etc/aziot/identityd/config.d", uid)));
}

}  // namespace

bool Principal::has(std::string_view id_type) const {
    return std::ranges::find(id_types, id_type) != id_types.end();
}

Result<Callers> Callers::from_settings(const json::object& settings) {
    Callers callers;
    const auto* entries = find_member(settings, "principal");
    if (entries == nullptr) return callers;
    if (!entries->is_array()) return fail(Errc::invalid_argument, "principal must be written as [[principal]]");
    for (const auto& value : entries->get_array()) {
        MUSTER_TRY(auto principal, read_principal(value));
        if (principal.id_types.empty() && callers.is_daemon(principal.uid))
            return fail(Errc::invalid_argument, "two principals without idtype have the uid {}", principal.uid);
        callers.principals_.push_back(std::move(principal));
    }
    return callers;
}

bool Callers::is_daemon(uid_t uid) const {
    return std::ranges::any_of(principals_, [&](const auto& p) { return p.uid == uid && p.id_types.empty(); });
}

bool Callers::known(uid_t uid) const {
    return uid == 0 || std::ranges::any_of(principals_, [&](const auto& p) { return p.uid == uid; });
}

Result<> Callers::check_daemon(uid_t uid, std::string_view what) const {
    if (uid == 0 || is_daemon(uid)) return {};
    return forbidden(uid, what);
}

Result<> Callers::check_device(uid_t uid) const {
    if (uid == 0 || is_daemon(uid)) return {};
    if (std::ranges::any_of(principals_, [&](const auto& p) { return p.uid == uid && p.has("device"); })) return {};
    return forbidden(uid, "see the device's identity");
}

Result<> Callers::check_module(uid_t uid, std::string_view module) const {
    if (uid == 0 || is_daemon(uid)) return {};
    const auto is_it = [&](const auto& p) { return p.uid == uid && p.name == module && p.has("module"); };
    if (std::ranges::any_of(principals_, is_it)) return {};
    return forbidden(uid, "see this module's identity");
}

Result<> Callers::check_local(uid_t uid, std::string_view module) const {
    if (uid == 0 || is_daemon(uid)) return {};
    const auto is_it = [&](const auto& p) { return p.uid == uid && p.name == module && p.has("local"); };
    if (std::ranges::any_of(principals_, is_it)) return {};
    return forbidden(uid, "have this local identity");
}

std::optional<LocalOptions> Callers::local_options(std::string_view module) const {
    for (const auto& principal : principals_)
        if (principal.name == module && principal.has("local")) return principal.local;
    return std::nullopt;
}

Result<Principal> Callers::host_process(uid_t uid) const {
    for (const auto& principal : principals_)
        if (principal.uid == uid && !principal.id_types.empty()) return principal;
    return forbidden(uid, "have an identity of its own");
}

std::vector<std::string> Callers::module_names() const {
    std::vector<std::string> names;
    for (const auto& principal : principals_)
        if (principal.has("module")) names.push_back(principal.name);
    return names;
}

}  // namespace muster::edge::identityd
