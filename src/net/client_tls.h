// The client side of TLS: what is trusted, who we are, and why a server was refused.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>

#include "base/error.h"
#include "net/http_client.h"
#include "net/stream.h"

namespace muster::net {

using ClientContext = std::shared_ptr<SSL_CTX>;

Result<ClientContext> make_client_context(const ClientTls& tls);

// Collects, during one handshake, what there is to say about the server's certificate. Must outlive the handshake.
struct ServerVerdict {
    std::string problem;     // empty while nothing is wrong
    bool untrusted = false;  // the anchor is missing, as opposed to a bad date or name
};

// A connection in connect state that will check the server's certificate against `host` (a name or an IP address).
Result<SslPtr> new_client_connection(SSL_CTX* context, const std::string& host, ServerVerdict& verdict);

// The error of a failed handshake with `where` ("host:443").
Error handshake_error(const std::string& where, const ServerVerdict& verdict);

}  // namespace muster::net
