// What must be true of keys in PKCS #11 tokens before keyd is told to use them: the library, the token, the PIN, the
// key, and that it fits its certificate. Internal to this room.
#pragma once

#include "edge/config/check_certificates.h"

namespace muster::edge {

// The library runs in a child process, as keyd's user and with keyd's rights, so that what holds here holds there; one
// that hangs or crashes takes nothing with it.
void check_tokens(const CheckInput& in, Notes& notes);

}  // namespace muster::edge
