// The records of the service's own certificate authority, and the revocation lists that groups name.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"

namespace muster::store {

// An issuing CA that this service has, or had, the key of. The key is a file, never a record.
struct IssuingAuthorityRecord {
    std::string fingerprint;  // SHA-256 of the issuing certificate, upper-case hex
    std::string chain;        // PEM: the issuing certificate first, its root last
    bool active = false;      // one at most: the one that issues; the others still sign their revocation lists
    TimePoint created{};
};

struct IssuedCertificateRecord {
    std::string serial;       // upper-case hex
    std::string fingerprint;  // SHA-256, upper-case hex
    std::string authority;    // fingerprint of its issuing CA
    std::string subject;      // RFC 2253
    std::string registration_id;
    std::string group_id;  // empty: issued to an individual enrollment
    std::string origin;    // est, registration
    Bytes certificate;     // DER
    TimePoint issued{};
    TimePoint not_after{};
    std::optional<TimePoint> revoked;
    std::string reason;  // of the revocation, in the words of RFC 5280
};

// A password that a device may enrol with once.
struct OneTimePasswordRecord {
    std::string registration_id;
    std::string group_id;
    Bytes hash;
    TimePoint created{};
    TimePoint expires{};
    std::string used_for;  // serial of the certificate that it was spent on; empty while it is unspent
};

// A revocation list that an operator gave to a group: one for each issuer.
struct GroupCrlRecord {
    std::string group_id;
    std::string issuer;  // SHA-256 of the issuer's certificate, upper-case hex
    Bytes list;          // DER
    Bytes certificate;   // the issuer's, DER
    bool must_be_current = false;
    TimePoint updated{};
};

}  // namespace muster::store
