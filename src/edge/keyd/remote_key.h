// A private key whose private half stays in keyd: OpenSSL uses it like any other, and each private operation is one
// call to keyd.
//
// Made from the method tables of EC_KEY and RSA rather than from a provider. A provider would have to bring its own key
// management and its own PSS and PKCS#1 encodings; the RSA table asks for exactly the two operations that keyd's API
// has (PKCS#1 and no padding: OpenSSL does PSS itself, for TLS 1.3), and the EC table for exactly the one. OpenSSL 3
// keeps such keys out of its providers by itself. The tables are marked as deprecated but are part of every OpenSSL 3.
#pragma once

#include "edge/keyd/client.h"
#include "pki/key.h"

namespace muster::edge::keyd {

// Asks keyd for the public half. Every later private operation blocks until keyd has answered.
Task<Result<pki::PrivateKey>> load_remote_key(Client client, std::string handle);
// The same, and blocks meanwhile, too.
Result<pki::PrivateKey> remote_key(const Client& client, const std::string& handle);

}  // namespace muster::edge::keyd
