// What a registration does on the hub, inside the registration's own transaction.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "store/tx.h"

namespace muster::hub {

// What a device authenticates with from now on: the leaf that registered, or else its keys.
struct DeviceCredential {
    std::string thumbprint;   // SHA-256, upper-case hex; empty for keys
    std::string primary_key;  // base64
    std::string secondary_key;
};

struct Assignment {
    std::string device_id;
    DeviceCredential credential;
    bool edge = false;
    std::string tags;  // initial twin, JSON objects as text; empty for {}
    std::string desired;
    std::string reported = {};  // of an identity that comes from another hub
    bool disabled = false;      // there, and so here
    std::string status_reason = {};
    bool reset_twin = false;  // an existing identity gets this twin, too (re-provisioning)
};

// Creates the device with its first twin (and $edgeAgent and $edgeHub when it is an edge device), or refreshes the
// credentials of the one there is. Errc::conflict when the existing identity cannot become what the enrollment asks
// for.
Result<> assign_device(store::Tx& tx, const Assignment& assignment, TimePoint now, Random& random);

// A device or module record with everything the server fills in on creation.
store::IdentityRecord new_identity(std::string_view device_id, std::string_view module_id, TimePoint now,
                                   Random& random);
// The scope of an edge device, once it is one; and its two system modules.
Result<> add_edge_parts(store::Tx& tx, store::IdentityRecord& device, TimePoint now, Random& random);
bool is_system_module(std::string_view module_id);

}  // namespace muster::hub
