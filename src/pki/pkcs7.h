// Certificates in a degenerate PKCS#7 "SignedData" without signatures (RFC 5652; "certs-only" of RFC 7030 section
// 4.1.3): how EST answers with certificates.
#pragma once

#include "pki/certificate.h"

namespace muster::pki {

// At most 100 certificates and 256 KiB; at least one certificate. Order as found. Errc::invalid_argument or too_large.
Result<CertificateChain> certificates_from_pkcs7(ByteView der);
// What EST servers send: base64 DER with any white space (RFC 7030 section 4.1.3), or PEM ("PKCS7").
Result<CertificateChain> certificates_from_pkcs7_text(std::string_view text);

// DER, certificates in the given order.
Result<Bytes> make_pkcs7(const CertificateChain& certificates);

}  // namespace muster::pki
