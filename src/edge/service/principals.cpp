#include "edge/service/principals.h"

#include <limits>

namespace muster::edge {
namespace {

Result<std::vector<std::string>> patterns_of(const json::object& principal, std::string_view list) {
    std::vector<std::string> patterns;
    const auto* value = find_member(principal, list);
    if (value == nullptr) return patterns;
    if (!value->is_array()) return fail(Errc::invalid_argument, "principal.{} must be a list of ids", list);
    for (const auto& pattern : value->get_array()) {
        if (!pattern.is_string()) return fail(Errc::invalid_argument, "principal.{} must hold strings", list);
        patterns.emplace_back(pattern.get_string());
    }
    return patterns;
}

}  // namespace

bool matches_wildcard(std::string_view pattern, std::string_view text) {
    // Remembers the last '*' and how much of the text it swallowed: linear in practice, never exponential.
    std::size_t at = 0, star = std::string_view::npos, swallowed = 0, position = 0;
    while (position < text.size()) {
        if (at < pattern.size() && pattern[at] == '*') {
            star = at++;
            swallowed = position;
        } else if (at < pattern.size() && (pattern[at] == '?' || pattern[at] == text[position])) {
            ++at;
            ++position;
        } else if (star != std::string_view::npos) {
            at = star + 1;
            position = ++swallowed;
        } else {
            return false;
        }
    }
    while (at < pattern.size() && pattern[at] == '*') ++at;
    return at == pattern.size();
}

Result<uid_t> principal_uid(const json::object& principal) {
    MUSTER_TRY(const auto uid, optional_integer(principal, "uid"));
    if (!uid || *uid < 0 || *uid > std::numeric_limits<uid_t>::max())
        return fail(Errc::invalid_argument, "each [[principal]] needs a uid (a number)");
    return static_cast<uid_t>(*uid);
}

Result<Principals> Principals::from_settings(const json::object& settings, std::string_view list) {
    Principals principals;
    principals.list_ = list;
    const auto* entries = find_member(settings, "principal");
    if (entries == nullptr) return principals;
    if (!entries->is_array()) return fail(Errc::invalid_argument, "principal must be written as [[principal]]");
    for (const auto& value : entries->get_array()) {
        if (!value.is_object()) return fail(Errc::invalid_argument, "principal must be written as [[principal]]");
        MUSTER_TRY(const auto uid, principal_uid(value.get_object()));
        MUSTER_TRY(auto patterns, patterns_of(value.get_object(), list));
        principals.entries_.push_back({uid, std::move(patterns)});
    }
    return principals;
}

bool Principals::allows(uid_t uid, std::string_view id) const {
    if (uid == 0) return true;
    for (const auto& entry : entries_) {
        if (entry.uid != uid) continue;
        if (std::ranges::any_of(entry.patterns, [&](const auto& p) { return matches_wildcard(p, id); })) return true;
    }
    return false;
}

Result<> Principals::check(uid_t uid, std::string_view id, std::string_view what) const {
    if (allows(uid, id)) return {};
    return fail(
        Error(Errc::forbidden, fmt::format("user {} has no right to {} \"{}\"", uid, what, id))
            .with_hint(fmt::format("add it to `{}` of a [[principal]] with uid = {} in the settings", list_, uid)));
}

}  // namespace muster::edge
