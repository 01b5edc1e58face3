// OpenSSL's way to a socket that is not ours to close and never raises SIGPIPE.
#pragma once

#include <openssl/types.h>

namespace muster::net {

// A BIO that reads and writes the non-blocking socket `fd`, which stays the caller's. Null when memory is short.
BIO* new_socket_bio(int fd);

}  // namespace muster::net
