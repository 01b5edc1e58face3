// What an EST server wants to see in a request: CsrAttrs, the answer to /csrattrs (RFC 7030 section 4.5.2).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pki/csr.h"

namespace muster::edge::certd {

struct CsrAttributes {
    std::optional<pki::KeyAlgorithm> algorithm;
    std::optional<int> bits;          // of the curve or the modulus
    bool challenge_password = false;  // proof of possession bound to the TLS connection (section 3.5)
    std::vector<std::string> others;  // by name, or in dots
};

// Base64 DER. Errc::conflict when it is not CsrAttrs. At most 64 entries are read.
Result<CsrAttributes> read_csr_attributes(std::string_view body);

// What of it a request lacks, as the end of a sentence ("an EC key of 384 bits"); empty when nothing.
std::string lacking(const CsrAttributes& wanted, const pki::Csr& request);

// The preference list for keyd (facts/device.md 5.3) that comes nearest; nothing when the server does not say.
std::optional<std::string> preferred_key(const CsrAttributes& wanted);

}  // namespace muster::edge::certd
