// Judges the credentials with which a device calls the hub for its own sake.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "store/store.h"

namespace muster::hub {

struct DeviceCredentials {
    std::string leaf_sha1;  // thumbprints of the TLS client certificate, upper-case hex; empty without one
    std::string leaf_sha256;
    std::string authorization;  // the Authorization header; empty without one
};

// That these are the credentials of `device_id`: its certificate by thumbprint, or a SAS token for
// {host}/devices/{device_id} signed with one of its keys. Unknown devices and wrong credentials answer alike
// (Errc::unauthorized, 401003); a disabled device that proved itself hears so (403012).
Task<Result<>> authenticate_device(store::Store& store, std::string device_id, DeviceCredentials credentials,
                                   std::vector<std::string> hosts, TimePoint now);

}  // namespace muster::hub
