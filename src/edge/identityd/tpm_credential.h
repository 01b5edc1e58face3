// A key in the device's TPM: the TPM signs. DPS puts the key there, once the device has proved to hold the TPM that its
// enrollment names (facts/device.md 4.1): the service wraps a key for that TPM, and takes a signature made with it.
#pragma once

#include "edge/identityd/credential.h"
#include "edge/identityd/dps.h"

namespace muster::edge::identityd {

Task<Result<CredentialPtr>> load_credential_of(Neighbours neighbours, TpmSettings settings);
Task<Result<json::object>> describe_credential_of(Neighbours neighbours, TpmSettings settings);

struct TpmChallenge {
    CredentialPtr credential;  // for the registration that follows
    std::string key;           // as DPS gave it, base64
};

// Shows the TPM to DPS and gets a challenge. The key that the TPM holds for the hub stays in force meanwhile. Errors:
// tpmd or the TPM out of reach, as they say it; else as DpsClient's.
Task<Result<TpmChallenge>> meet_challenge(tpmd::Client tpm, std::string endpoint, Registration registration,
                                          CloudSettings cloud);

// Puts what the registration brought into the TPM, for the calls to the hub. A service that brings no key of its own
// means the challenge's.
Task<Result<>> keep_tpm_key(tpmd::Client tpm, Assignment assignment, TpmChallenge challenge);

}  // namespace muster::edge::identityd
