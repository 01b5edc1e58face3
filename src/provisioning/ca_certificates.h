// CA certificates that enrollment groups refer to by name.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "base/task.h"
#include "provisioning/groups.h"
#include "store/store.h"

namespace muster::provisioning {

class CaCertificates {
public:
    CaCertificates(store::Store& store, Groups& groups, const Clock& clock, Random& random)
        : store_(store), groups_(groups), clock_(clock), random_(random) {}

    // {"certificate": PEM or base64, "isVerified": bool}: the operator's word is the verification. Another certificate
    // under a name that groups refer to is refused (409204).
    Task<Result<json::object>> put(std::string name, json::object body, std::optional<std::string> if_match);
    Task<Result<json::object>> get(std::string name);
    Task<Result<json::array>> list();
    // Refused (409204) while a group refers to it.
    Task<Result<>> remove(std::string name, std::optional<std::string> if_match);

private:
    store::Store& store_;
    Groups& groups_;
    const Clock& clock_;
    Random& random_;
};

}  // namespace muster::provisioning
