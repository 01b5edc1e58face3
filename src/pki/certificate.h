// X.509 certificates, read.
#pragma once

#include <openssl/types.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "pki/key.h"

namespace muster::pki {

using Sha256 = std::array<std::uint8_t, 32>;

// A parsed certificate: immutable, cheap to copy (shared), safe to read from any thread.
class Certificate {
public:
    static Result<Certificate> from_der(ByteView der);
    // The first CERTIFICATE block of `pem`.
    static Result<Certificate> from_pem(std::string_view pem);
    // What enrollment bodies carry (facts: PEM text, base64 DER without headers, base64 of PEM text, raw DER).
    static Result<Certificate> from_any(std::string_view text);
    // Takes one more reference to `x509`; for the peer's certificate of a TLS connection.
    static Certificate from_x509(X509* x509);

    X509* get() const;
    const Bytes& der() const;
    std::string pem() const;

    const Sha256& sha256_fingerprint() const;
    std::string sha1_thumbprint() const;    // 40 upper-case hex digits
    std::string sha256_thumbprint() const;  // 64 upper-case hex digits

    // The most specific CN of the subject; empty when there is none. Contains no NUL (such a certificate has no CN).
    const std::string& common_name() const;
    std::string subject() const;  // RFC 2253: "CN=device-1,O=Plant"
    std::string issuer() const;
    Bytes subject_der() const;
    Bytes issuer_der() const;
    std::string serial_hex() const;  // upper case, no leading zero byte
    int version() const;             // 3
    TimePoint not_before() const;
    TimePoint not_after() const;
    bool is_ca() const;  // basicConstraints CA:TRUE, or version 1 and self-issued
    std::optional<int> path_length() const;
    bool is_self_issued() const;   // subject equals issuer
    Bytes subject_key_id() const;  // empty when absent
    Bytes authority_key_id() const;
    std::vector<std::string> dns_names() const;
    Result<PublicKey> public_key() const;

private:
    struct Parts;
    explicit Certificate(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}
    std::shared_ptr<const Parts> parts_;
};

using CertificateChain = std::vector<Certificate>;

// Every CERTIFICATE block of a PEM text, in order; at least one. The error says which block is broken.
Result<CertificateChain> parse_chain(std::string_view pem);
std::string to_pem(const CertificateChain& chain);

}  // namespace muster::pki
