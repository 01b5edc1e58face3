// The provisioning service's error numbers (facts/dps.md 4.2): the first three digits are the HTTP status.
#pragma once

#include "base/error.h"

namespace muster::provisioning {

namespace code {
inline constexpr int bad_request = 400000;
inline constexpr int invalid_body = 400004;
inline constexpr int missing_api_version = 400005;
inline constexpr int not_in_this_version = 400100;
// Inside a failed result:
inline constexpr int custom_allocation_failed = 400207;
inline constexpr int no_hub = 400208;
inline constexpr int hub_refused = 400209;
inline constexpr int hub_unavailable = 400210;  // ours: a linked hub did not answer for too long
inline constexpr int unauthorized = 401002;
inline constexpr int forbidden = 403000;
inline constexpr int not_found = 404201;
inline constexpr int method_not_allowed = 405000;
inline constexpr int conflict = 409203;
inline constexpr int certificate_in_use = 409204;
inline constexpr int precondition_failed = 412001;
inline constexpr int too_large = 413001;
inline constexpr int throttled = 429001;
inline constexpr int internal = 500000;
inline constexpr int unavailable = 503000;
}  // namespace code

// The number of any error, by its kind when it carries none.
int error_number(const Error& error);

Error bad_body(std::string message);
Error not_in_this_version(std::string message);
Error unauthorized(std::string message);

}  // namespace muster::provisioning
