// Certificates in files that an operator names. What is wrong with one is told of the file.
#pragma once

#include <string>

#include "base/error.h"
#include "pki/certificate.h"

namespace muster::cli {

// All certificates of a file: PEM, 64 at most, or one in DER. A private key in it is an error: it would be sent.
Result<pki::CertificateChain> read_certificate_file(const std::string& path);
// The same as PEM.
Result<std::string> read_certificates_as_pem(const std::string& path);

}  // namespace muster::cli
