// Registration ids, group ids, ETags and thumbprints of the provisioning service (facts/dps.md 1.2, 2.2).
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/random.h"
#include "pki/certificate.h"

namespace muster::provisioning {

// 1 to 128 of: letters, digits, - . _ : ; the last character a letter, a digit or '-'. `what` names it in the error.
Result<> check_id(std::string_view id, std::string_view what);

// "\"6800d3f1-...\"": with its quotes, as the bodies carry it and If-Match repeats it.
std::string make_enrollment_etag(Random& random);
// Base64 of a quoted GUID, as registration records carry it.
std::string make_registration_etag(Random& random);

// An If-Match header against a record's etag; "*", quotes or not. Errc::precondition_failed.
Result<> check_if_match(std::string_view if_match, std::string_view etag, std::string_view what);

// SHA-256 of a certificate as upper-case hex.
std::string fingerprint(const pki::Certificate& certificate);

}  // namespace muster::provisioning
