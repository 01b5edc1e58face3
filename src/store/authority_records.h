// The records of the service's own certificate authority, and the revocation lists that groups name.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"

namespace muster::store {

// An issuing CA that this service has, or had, the key of (authority/keys.h).
struct IssuingAuthorityRecord {
    std::string fingerprint;  // SHA-256 of the issuing certificate, upper-case hex
    std::string chain;        // PEM: the issuing certificate first, its root last
    bool active = false;      // one at most: the one that issues; the others still sign their revocation lists
    TimePoint created{};

    bool operator==(const IssuingAuthorityRecord&) const = default;
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

// Where the service fetches a revocation list from, and how that goes.
struct CrlSource {
    std::string url;
    std::string certificates;  // PEM: what an https server must chain to; empty: the operating system's store
    std::string issuers;       // PEM: the list's issuer and what is between it and a CA of the group; empty: that CA
    std::chrono::seconds interval{3600};
    TimePoint due{};            // of the next attempt
    TimePoint fetched{};        // when a good list came last
    std::int64_t failures = 0;  // since then
    std::string problem;        // of the last attempt; empty when it went well
};

// Which revocation list.
struct CrlKey {
    std::string group_id;
    std::string issuer;
    auto operator<=>(const CrlKey&) const = default;
};

// A revocation list that an operator gave to a group: one for each issuer.
struct GroupCrlRecord {
    std::string group_id;
    std::string issuer;  // SHA-256 of the issuer's certificate, upper-case hex
    Bytes list;          // DER; left out where it is said so
    Bytes certificate;   // the issuer's, DER
    bool must_be_current = false;
    TimePoint updated{};
    std::optional<CrlSource> source;  // nothing: it was uploaded
    std::string list_hash = {};       // SHA-256, hex; empty in records of before there was one
    TimePoint list_begins{};          // thisUpdate; as list_hash
};

}  // namespace muster::store
