// The first step of TPM attestation over HTTPS (facts/dps.md 1.7): a registration without authorization that shows a
// TPM.
#pragma once

#include "endpoints/device_registration.h"

namespace muster::endpoints {

bool shows_tpm(const provisioning::DeviceRequest& request, const json::object& body);

// 401 with {authenticationKey, keyName, message}: what a device that shall prove its TPM waits for. A device that no
// enrollment knows by this TPM is answered like any other stranger.
Task<DeviceAnswer> challenge_tpm(const Services& services, provisioning::DeviceRequest request, json::object body);

}  // namespace muster::endpoints
