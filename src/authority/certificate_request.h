// Certification requests as the authority takes them.
#pragma once

#include <string>
#include <string_view>

#include "pki/csr.h"

namespace muster::authority {

// A request that may be signed: its key is strong enough and signed it, and its subject has one common name.
struct CertificateRequest {
    pki::Csr csr;
    std::string common_name;
    pki::PublicKey key;
};

// PEM, or base64 of the DER with any white space (RFC 7030 4.2.1, RFC 8951). At most 16 KiB. Extensions that are asked
// for are the authority's to decide, so they are not looked at, with one exception: a request to become a CA is
// refused, as what it would get is not what it is for. Errc::invalid_argument says what is wrong with it.
Result<CertificateRequest> read_certificate_request(std::string_view text);

}  // namespace muster::authority
