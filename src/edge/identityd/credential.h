// What this device shows to DPS and the hub. Each way has a file of its own (x509_credential,
// shared_key_credential, tpm_credential); here is what they have in common. Whatever the way, the secret stays where it
// is: keyd signs, or the TPM.
#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "base/task.h"
#include "edge/certd/client.h"
#include "edge/identityd/settings.h"
#include "edge/keyd/client.h"
#include "edge/tpmd/client.h"
#include "net/http_client.h"

namespace muster::edge::identityd {

// The other daemons, as identityd sees them.
struct Neighbours {
    keyd::Client keys;
    certd::Client certificates;
    tpmd::Client tpm;
};

class Credential {
public:
    virtual ~Credential() = default;

    // The registration id that it implies, where the settings give none: the certificate's common name. May be empty.
    virtual std::string registration_id() const { return {}; }
    // Puts its certificate and key into the TLS of a client; a credential that signs tokens has none.
    virtual void present(net::ClientTls&) const {}
    // The Authorization header of a request about `resource` ("{scope}/registrations/{id}", "{hub}/devices/{id}") at
    // this time; empty where TLS says it all. `policy` is "registration" at DPS and empty at a hub.
    virtual Task<Result<std::string>> authorize(std::string, std::string, TimePoint) const { co_return std::string(); }
};

using CredentialPtr = std::shared_ptr<const Credential>;

// Blocks its loop for keyd's answers: run it on the cloud loop. Errors name the id and what mends it: certd or keyd out
// of reach, no such certificate or key, a key of another certificate.
Task<Result<CredentialPtr>> load_credential(Neighbours neighbours, CredentialSettings settings);

// The "auth" of an identity document: {"type", "keyHandle"?, "certId"?} (facts/device.md 3.5).
Task<Result<json::object>> describe_credential(Neighbours neighbours, CredentialSettings settings);

}  // namespace muster::edge::identityd
