// Who may use which ids: [[principal]] entries of a uid and its id patterns (facts/device.md 2.3).
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace muster::edge {

// '*' stands for any text, also none; '?' for one character.
bool matches_wildcard(std::string_view pattern, std::string_view text);

class Principals {
public:
    // `list` is the member with the patterns: "keys" for keyd, "certs" for certd.
    static Result<Principals> from_settings(const json::object& settings, std::string_view list);

    // uid 0 may use every id.
    bool allows(uid_t uid, std::string_view id) const;
    // Errc::forbidden, naming uid, id and the settings that would grant it.
    Result<> check(uid_t uid, std::string_view id, std::string_view what) const;

private:
    struct Entry {
        uid_t uid;
        std::vector<std::string> patterns;
    };
    std::vector<Entry> entries_;
    std::string list_;
};

// The uid of a [[principal]] entry; Errc::invalid_argument when absent or not a uid.
Result<uid_t> principal_uid(const json::object& principal);

}  // namespace muster::edge
