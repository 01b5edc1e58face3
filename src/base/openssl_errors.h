// OpenSSL's queue of errors, which every thread has one of. For rooms that link OpenSSL; this one does not.
#pragma once

#include <openssl/err.h>

#include <string>

namespace muster {

// Leaves the queue as it was: a stale entry there makes the next TLS call on this thread fail.
class OpenSslErrorScope {
public:
    OpenSslErrorScope() { ERR_set_mark(); }
    ~OpenSslErrorScope() { ERR_pop_to_mark(); }
    OpenSslErrorScope(const OpenSslErrorScope&) = delete;
    OpenSslErrorScope& operator=(const OpenSslErrorScope&) = delete;

    // The reason of the newest failure, for an error message: "wrong tag".
    static std::string reason() {
        const char* text = ERR_reason_error_string(ERR_peek_last_error());
        return text == nullptr ? "no reason given" : text;
    }
};

}  // namespace muster
