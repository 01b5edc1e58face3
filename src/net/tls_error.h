// What OpenSSL has to say about a failure, in a sentence.
#pragma once

#include <string>

#include "base/error.h"

namespace muster::net {

// Empties this thread's OpenSSL error queue; the text is its last reason, or what errno says, or "the connection was
// closed". Call right after the failed operation.
std::string tls_failure_text();

Error tls_setup_error(const char* what);

}  // namespace muster::net
