// The body of a registration or of its operation status, as DPS answers it (facts/device.md 4.1, facts/dps.md 1.3).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace muster::edge::identityd {

struct Assignment {
    std::string hub;  // host[:port]
    std::string device_id;
    std::string tpm_key;  // base64, for the TPM of a device that attests by it; empty for others
};

// An assignment, a final refusal (a state of failure, or an answer that cannot be used), or neither: not final yet.
struct Reading {
    std::optional<Assignment> assignment;
    std::optional<Error> refusal;
};

Reading read_operation(std::string_view body, const std::string& registration_id);
// The same of a look at a registration that was made before: what it says stands in no "registrationState".
Reading read_registration(std::string_view body, const std::string& registration_id);

}  // namespace muster::edge::identityd
