// The inside of ServerTls.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <mutex>

#include "net/http_server.h"
#include "net/stream.h"

namespace muster::net {

struct ServerTls::State {
    // A new server-side TLS connection under the certificate of the moment; null when memory is short.
    SslPtr new_connection();

    std::mutex mutex;
    std::shared_ptr<SSL_CTX> context;
};

// The chain that the client presented, leaf first; empty when it presented none.
pki::CertificateChain presented_chain(SSL* ssl);

}  // namespace muster::net
