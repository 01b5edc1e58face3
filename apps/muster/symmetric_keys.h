// Symmetric keys of enrollments, as an operator handles them: in files and on request, never on a command line.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/json.h"

namespace muster::cli {

// Keys that a command line gives are "@FILE"; anything else stands in the process list for all to see.
std::string check_key_argument(const std::string& argument);
// The base64 text in the file behind "@FILE"; 16 to 64 bytes, as the service takes them.
Result<Secret> read_key(const std::string& argument);

// The key of a group's device: base64(HMAC-SHA256(group key, registration id)) (facts: DPS 1.6).
Result<Secret> derive_device_key(std::string_view group_key_base64, std::string_view registration_id);

// Overwrites the text of every string in the value.
void wipe_strings(json::value& value);

}  // namespace muster::cli
