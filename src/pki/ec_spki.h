// EC public keys in and out of certificates (SubjectPublicKeyInfo), for the direct path of direct_ec.h.
#pragma once

#include <openssl/types.h>

namespace muster::pki {

// OpenSSL's own method table for EC keys, with one difference: a public key on P-256 is read onto a copy of a curve
// made once, instead of a curve built anew for every certificate. Call before an engine answers for EC keys. Null when
// it cannot be made; lives as long as the process.
EVP_PKEY_ASN1_METHOD* make_ec_spki_method();

}  // namespace muster::pki
