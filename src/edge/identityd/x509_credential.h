// An X.509 certificate, which certd has, and its key, which keyd has: shown in the TLS handshake.
#pragma once

#include "edge/identityd/credential.h"

namespace muster::edge::identityd {

// A certificate with the key of that id in keyd.
Task<Result<CredentialPtr>> credential_with(Neighbours neighbours, pki::CertificateChain chain, std::string key_id);

// One that is issued to the device is got first, when there is none. An expired certificate is used all the same, with
// a warning: the clock of a board may be wrong.
Task<Result<CredentialPtr>> load_credential_of(Neighbours neighbours, X509Settings settings);
Task<Result<json::object>> describe_credential_of(Neighbours neighbours, X509Settings settings);

}  // namespace muster::edge::identityd
