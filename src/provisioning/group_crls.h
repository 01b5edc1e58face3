// Revocation lists that operators give to enrollment groups, so that certificates which their own CA revoked are
// refused. Azure's service has nothing like it.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "base/task.h"
#include "provisioning/groups.h"
#include "store/store.h"

namespace muster::provisioning {

class GroupCrls {
public:
    GroupCrls(store::Store& store, Groups& groups, const Clock& clock)
        : store_(store), groups_(groups), clock_(clock) {}

    // {"crl": PEM or base64, "issuers": PEM, "mustBeCurrent": bool}. The list must be signed by a CA of the group, or
    // by the first of "issuers" when these lead up to one. It takes the place of an older list of that issuer. At most
    // 16 lists a group.
    Task<Result<json::object>> put(std::string group_id, json::object body, store::Origin by);
    Task<Result<json::array>> list(std::string group_id);
    // By the SHA-256 thumbprint of the issuer.
    Task<Result<>> remove(std::string group_id, std::string issuer, store::Origin by);

private:
    store::Store& store_;
    Groups& groups_;
    const Clock& clock_;
};

}  // namespace muster::provisioning
