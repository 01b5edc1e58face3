// What a certificate request should have, as EST says it (CsrAttrs, RFC 7030 section 4.5.2).
#pragma once

#include "pki/key.h"

namespace muster::authority {

// DER: one attribute, the kind of the key. ecPublicKey with the curve, or rsaEncryption with the bits.
Bytes csr_attributes(const pki::KeySpec& key);

}  // namespace muster::authority
