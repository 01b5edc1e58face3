// One-time passwords: how a device without any certificate enrols the first time (HTTP Basic in EST, RFC 7030 3.2.3).
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "base/task.h"
#include "store/store.h"

namespace muster::authority {

class Passwords {
public:
    static constexpr auto max_life = std::chrono::days(90);

    Passwords(store::Store& store, const Clock& clock, Random& random)
        : store_(store), clock_(clock), random_(random) {}

    // {"registrationId", "enrollmentGroupId", "password", "expiresUtc"}: the only time that it is shown. A new one
    // takes the place of the one before. Errc::not_found without such a group.
    Task<Result<json::object>> make(std::string registration_id, std::string group_id, std::chrono::seconds life,
                                    store::Origin by);
    // Errc::not_found when there is none.
    Task<Result<>> withdraw(std::string registration_id, store::Origin by);

private:
    store::Store& store_;
    const Clock& clock_;
    Random& random_;
};

// Whether the password is that of the record, in constant time. It may have ended or been spent.
bool is_password(const store::OneTimePasswordRecord& record, std::string_view password);

}  // namespace muster::authority
