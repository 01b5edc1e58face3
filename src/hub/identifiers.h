// Ids, generation ids and ETags of the identity registry (facts/hub.md 3.4, 3.5).
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"

namespace muster::hub {

// 1 to 128 of: letters, digits, - : . + % _ # * ? ! ( ) , = @ ; $ '
Result<> check_device_id(std::string_view id);
Result<> check_module_id(std::string_view id);

// Decimal digits like .NET ticks, without '-': devices derive module keys from it. Unique per call for one clock tick
// in ten, which no registry exceeds for one id.
std::string make_generation_id(TimePoint now, Random& random);
// Base64 text as the registry writes it: "MjY4NDA2MzQ4".
std::string make_identity_etag(Random& random);
// Of a twin: the version as eight bytes, base64: "AAAAAAAAAAE=".
std::string twin_etag(std::int64_t version);
// 32 random bytes, base64, as the registry makes them when a device is created without keys.
std::string make_device_key(Random& random);

// An If-Match header against a record's etag: "*", with or without quotes, fits everything. Errc::precondition_failed
// otherwise.
Result<> check_if_match(std::string_view if_match, std::string_view etag, std::string_view what);

}  // namespace muster::hub
