// The registry's JSON of devices and modules (facts/hub.md 3.5), in both directions.
#pragma once

#include "base/json.h"
#include "base/random.h"
#include "store/records.h"

namespace muster::hub {

// How a caller wants module authentication named: identityd's api-version knows none, sas and x509 only.
enum class AuthenticationNames { current, edge_2017 };

json::object identity_to_json(const store::IdentityRecord& record,
                              AuthenticationNames names = AuthenticationNames::current);

// Writes what `body` says into `record`: status, authentication, capabilities, scopes; members that only the server
// writes are ignored. Missing authentication on a new device means two random keys; on a module, none.
// Errc::invalid_argument naming the member.
Result<> apply_json(const json::object& body, store::IdentityRecord& record, bool is_new, Random& random);

// "AB:CD ..." or "abcd..." as 40 or 64 upper-case hex digits; empty stays empty.
Result<std::string> normalize_thumbprint(std::string_view text, std::string_view member);

}  // namespace muster::hub
