#include "net/tls_error.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cerrno>
#include <cstring>

namespace muster::net {

std::string tls_failure_text() {
    const int number = errno;
    const auto code = ERR_peek_last_error();
    ERR_clear_error();
    if (code != 0 && ERR_GET_REASON(code) != SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        if (const char* reason = ERR_reason_error_string(code)) return reason;
        return "TLS error";
    }
    if (code == 0 && number != 0) return std::strerror(number);
    return "the connection was closed";
}

Error tls_setup_error(const char* what) {
    return Error(Errc::internal, fmt::format("{}: {}", what, tls_failure_text()));
}

}  // namespace muster::net
