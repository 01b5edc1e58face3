// What provisioning asks of others: hubs that are not its own, and webhooks. Implemented where there are sockets.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/task.h"
#include "hub/assignment.h"
#include "provisioning/allocation.h"

namespace muster::provisioning {

// What goes along with a device: its twin, sections as JSON text and empty for {}; and that its hub keeps it out.
struct TwinCopy {
    std::string tags;
    std::string desired;
    std::string reported;
    bool disabled = false;
    std::string status_reason = {};
};

struct RemoteDevice {
    std::string device_id;
    hub::DeviceCredential credential;
    bool edge = false;
    TwinCopy twin;
    bool known = false;         // it should be there already: looked for before it is created
    bool replace_twin = false;  // an identity that is there gets this twin, too (all but its reported properties)
};

// One connection to one hub, for one call at a time.
//
// Errors: Errc::unavailable, timeout and throttled when the hub cannot take any call now; Errc::io when it failed at
// this one; Errc::forbidden when it does not take the credentials it was linked with; any other is the hub's word on
// this device, and asking again would not change it.
class HubClient {
public:
    virtual ~HubClient() = default;
    // Creates the device with its twin, or brings credential and capability of the one there is up to date. Saying it
    // twice is as good as once. Errc::conflict when an IoT Edge device would have to become another.
    virtual Task<Result<>> put_device(const RemoteDevice& device) = 0;
    // Nothing when there is no such device.
    virtual Task<Result<std::optional<TwinCopy>>> read_twin(const std::string& device_id) = 0;
    // False when it was not there, or has another credential than `only_with`.
    virtual Task<Result<bool>> remove_device(const std::string& device_id,
                                             const std::optional<hub::DeviceCredential>& only_with) = 0;
    // Takes a credential away that was revoked: the identity stays, with its twin and its status, and nobody gets in by
    // it until a registration brings another. False when it was not there, or has another credential.
    virtual Task<Result<bool>> lock_out(const std::string& device_id, const hub::DeviceCredential& revoked) = 0;
    // That it answers and takes our credentials; how long that took.
    virtual Task<Result<std::chrono::microseconds>> probe() = 0;
};

struct WebhookReply {
    int status = 0;
    std::string body;
};

class Outside {
public:
    virtual ~Outside() = default;
    virtual Result<std::unique_ptr<HubClient>> connect(const LinkedHub& hub) = 0;
    // Any status is a reply. Errc::unavailable, timeout, unauthorized (its certificate), too_large.
    virtual Task<Result<WebhookReply>> ask_webhook(const std::string& url, std::string body) = 0;
};

}  // namespace muster::provisioning
