// Whether a public key is strong enough to be relied on, and cheap enough to be used.
#pragma once

#include <optional>
#include <string>

#include "pki/key.h"

namespace muster::pki {

// Why the key must not verify anything here, or nothing: RSA of 2048 to 8192 bits and the curves P-224, P-256, P-384
// and P-521 are taken. The upper bounds keep a hostile key from costing milliseconds. A predicate: "has an RSA key of
// 1024 bits; 2048 are needed".
std::optional<std::string> key_weakness(const EVP_PKEY* key);

}  // namespace muster::pki
