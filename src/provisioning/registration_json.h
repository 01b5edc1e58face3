// Registration records as devices and services see them (facts/dps.md 1.3, 2.3).
#pragma once

#include "base/json.h"
#include "store/records.h"

namespace muster::provisioning {

// The device's DeviceRegistrationResult.
json::object registration_result(const store::RegistrationRecord& record);
// The service's DeviceRegistrationState.
json::object registration_state(const store::RegistrationRecord& record);

}  // namespace muster::provisioning
