// Certificate revocation lists (RFC 5280 section 5), read and made.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "pki/issue.h"

namespace muster::pki {

// CRLReason, in the words and numbers of RFC 5280 5.3.1.
enum class RevocationReason : std::uint8_t {
    unspecified = 0,
    key_compromise = 1,
    ca_compromise = 2,
    affiliation_changed = 3,
    superseded = 4,
    cessation_of_operation = 5,
    certificate_hold = 6,
    privilege_withdrawn = 9,
    aa_compromise = 10,
};
std::string_view to_string(RevocationReason reason);  // "keyCompromise"
// Compared without case; the error lists the words.
Result<RevocationReason> parse_revocation_reason(std::string_view text);

struct Revocation {
    std::string serial;  // as Certificate::serial_hex
    TimePoint time;
    RevocationReason reason = RevocationReason::unspecified;
};

// A complete list of one issuer: immutable, cheap to copy (shared), safe to read from any thread.
class RevocationList {
public:
    // At most 16 MiB. Delta lists, indirect lists, lists for some reasons alone and critical extensions that we do not
    // know are Errc::unsupported: half understood, they would let revoked certificates in.
    static Result<RevocationList> from_der(ByteView der);
    // PEM ("X509 CRL"), DER, or base64 of either.
    static Result<RevocationList> from_any(std::string_view text);

    const Bytes& der() const;
    std::string issuer() const;  // RFC 2253
    Bytes issuer_der() const;
    TimePoint this_update() const;
    std::optional<TimePoint> next_update() const;
    std::size_t size() const;

    // The entry of a certificate with that serial; the caller knows that the issuer is the same.
    std::optional<Revocation> find(std::string_view serial_hex) const;
    // That `issuer` signed it and may: name, signature, and cRLSign where the key usage is limited. Says what is wrong.
    Result<> check_signed_by(const Certificate& issuer) const;

private:
    struct Parts;
    explicit RevocationList(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}
    std::shared_ptr<const Parts> parts_;
};

struct CrlContent {
    std::vector<Revocation> entries;
    std::uint64_t number = 0;  // cRLNumber: never goes back
    TimePoint this_update;
    TimePoint next_update;
};
// DER, version 2, with AKI and cRLNumber.
Result<Bytes> make_crl(const CrlContent& content, const Issuer& issuer);

}  // namespace muster::pki
