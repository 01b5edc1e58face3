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
    bool for_edge_ca = false;  // it asks for basicConstraints CA:TRUE
};

// Whose request it may be.
enum class Wanted { device, device_or_edge_ca };

// PEM, or base64 of the DER with any white space (RFC 7030 4.2.1, RFC 8951). At most 16 KiB. Extensions that are asked
// for are the authority's to decide, so they are not looked at, with one exception: a request to become a CA is
// an edge CA's, or refused where only devices may ask, as what it would get is not what it is for.
// Errc::invalid_argument says what is wrong with it.
Result<CertificateRequest> read_certificate_request(std::string_view text, Wanted wanted = Wanted::device);

}  // namespace muster::authority
