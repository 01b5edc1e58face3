// Who is at the other end of a connection.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "pki/certificate.h"

namespace muster::net {

struct PeerCredentials {
    uid_t uid;
    gid_t gid;
    pid_t pid;
};

// The same for everything that comes over one connection.
struct Peer {
    std::string address;                         // "127.0.0.1:51234", or "unix"
    std::optional<PeerCredentials> credentials;  // unix sockets only (SO_PEERCRED)
    pki::CertificateChain chain;                 // leaf first, as presented; empty without a client certificate
    std::string server_name;                     // SNI, lower case; may be empty
    bool tls = false;
};

}  // namespace muster::net
