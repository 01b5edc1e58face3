// EC public keys in and out of certificates (SubjectPublicKeyInfo), for the direct path of direct_ec.h.
#pragma once

namespace muster::pki {

// From now on a public key on P-256 is read onto a copy of a curve made once, instead of a curve built anew for every
// certificate; everything else stays OpenSSL's own. Call once, before other threads use keys.
void use_ec_spki_method();

}  // namespace muster::pki
