// Registration records as devices and services see them (facts/dps.md 1.3, 2.3).
#pragma once

#include "base/json.h"
#include "store/records.h"

namespace muster::provisioning {

// The device's DeviceRegistrationResult.
// `tpm_key`: what its TPM is to be given (base64), of a device that attests by TPM; else empty.
json::object registration_result(const store::RegistrationRecord& record, std::string_view tpm_key = {});
// The service's DeviceRegistrationState.
json::object registration_state(const store::RegistrationRecord& record);
// The device's RegistrationOperationStatus about a registrationState.
json::object operation_json(std::string_view operation_id, json::object state);

}  // namespace muster::provisioning
