// Who calls identityd and what they may do (facts/device.md 3.5): the [[principal]] entries with a name and, for host
// processes, the kinds of identity that they have.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "edge/identityd/local_identities.h"

namespace muster::edge::identityd {

struct Principal {
    uid_t uid = 0;
    std::string name;
    // Of "device", "module", "local"; none: a daemon, which may do everything.
    std::vector<std::string> id_types;
    LocalOptions local;  // with "local"

    bool has(std::string_view id_type) const;
};

class Callers {
public:
    // Errc::invalid_argument: no uid or name, an unknown idtype or localid, two daemons for one uid.
    static Result<Callers> from_settings(const json::object& settings);

    // Root or a daemon; else Errc::forbidden.
    Result<> check_daemon(uid_t uid, std::string_view what) const;
    // A daemon, or a host process that has the device's identity.
    Result<> check_device(uid_t uid) const;
    // A daemon, or the host process that is this module.
    Result<> check_module(uid_t uid, std::string_view module) const;
    // A daemon, or the host process that has this local identity.
    Result<> check_local(uid_t uid, std::string_view module) const;
    // The host process of this uid; Errc::forbidden when there is none.
    Result<Principal> host_process(uid_t uid) const;
    bool known(uid_t uid) const;

    // The principals that are modules: identityd keeps an identity for each.
    std::vector<std::string> module_names() const;
    // What the principal of that name that has a local identity says of it; nothing when there is none.
    std::optional<LocalOptions> local_options(std::string_view module) const;

private:
    bool is_daemon(uid_t uid) const;
    std::vector<Principal> principals_;
};

}  // namespace muster::edge::identityd
