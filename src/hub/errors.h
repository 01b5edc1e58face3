// The hub's errors: codes and names of facts/hub.md 7.2.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace muster::hub {

namespace code {
inline constexpr int argument_invalid = 400004;
inline constexpr int format_error = 400006;
inline constexpr int bulk_failure = 400013;
inline constexpr int unauthorized = 401003;
inline constexpr int system_module = 401100;
inline constexpr int device_disabled = 403012;
inline constexpr int device_not_found = 404001;
inline constexpr int module_not_found = 404010;
inline constexpr int device_already_exists = 409001;
inline constexpr int module_already_exists = 409301;
inline constexpr int precondition_failed = 412001;
inline constexpr int too_many_modules = 413003;
inline constexpr int server_error = 500001;
inline constexpr int service_unavailable = 503001;
}  // namespace code

// "DeviceNotFound" for 404001; the header iothub-errorcode and the first field of Message.
std::string_view error_name(int number);
// The catalogue number of any error, by its kind when it carries none.
int error_number(const Error& error);

Error device_not_found(std::string_view device_id);
Error module_not_found(std::string_view device_id, std::string_view module_id);

}  // namespace muster::hub
