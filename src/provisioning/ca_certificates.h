// CA certificates that enrollment groups refer to by name.
#pragma once

#include <functional>
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

    // {"certificate": PEM or base64, "isVerified": bool}: the operator's word is one way of verification. Another
    // certificate under a name that groups refer to is refused (409204). Every change is in the journal with its
    // origin.
    Task<Result<json::object>> put(std::string name, json::object body, std::optional<std::string> if_match,
                                   store::Origin by = {});
    Task<Result<json::object>> get(std::string name);
    Task<Result<json::array>> list();
    // Refused (409204) while a group refers to it.
    Task<Result<>> remove(std::string name, std::optional<std::string> if_match, store::Origin by = {});

    // The other way is proof of possession: the service makes a code, the CA's key signs a certificate with that code
    // as its common name (facts/dps.md 2.7, 3.7). A new code replaces the one before. If-Match is needed for both.
    Task<Result<json::object>> make_verification_code(std::string name, std::string if_match, store::Origin by = {});
    // {"certificate": PEM or base64}; 400004 says what does not fit.
    Task<Result<json::object>> verify(std::string name, json::object body, std::string if_match, store::Origin by = {});

private:
    // `type`: what it is called in the journal.
    Task<Result<json::object>> change(std::string name, std::string if_match, std::string_view type,
                                      const store::Origin& by,
                                      std::function<Result<>(store::CaCertificateRecord&)> edit);

    store::Store& store_;
    Groups& groups_;
    const Clock& clock_;
    Random& random_;
};

}  // namespace muster::provisioning
