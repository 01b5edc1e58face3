// The identity registry: devices, modules and their twins, for services with registry rights and for devices that
// manage their own modules (facts/hub.md 3.3 to 3.6, 6.2, 6.3).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "base/task.h"
#include "hub/device_credentials.h"
#include "hub/identity_json.h"
#include "store/store.h"

namespace muster::hub {

struct DeviceList {
    json::array devices;
    std::string next;  // the device id to go on after; empty when there are no more
};

struct Written {
    json::object identity;
    bool created = false;
};

// Every change is in the journal with its origin, in the same transaction.
class Registry {
public:
    Registry(store::Store& store, const Clock& clock, Random& random) : store_(store), clock_(clock), random_(random) {}

    Task<Result<json::object>> get_device(std::string device_id);
    // Without If-Match it creates (409001 when the device is there); with one it updates (404001 when it is not).
    Task<Result<Written>> put_device(std::string device_id, json::object body, std::optional<std::string> if_match,
                                     store::Origin by = {});
    Task<Result<>> delete_device(std::string device_id, std::string if_match, store::Origin by = {});
    Task<Result<DeviceList>> list_devices(std::size_t limit, std::string after);

    Task<Result<json::array>> list_modules(std::string device_id, AuthenticationNames names);
    Task<Result<json::object>> get_module(std::string device_id, std::string module_id, AuthenticationNames names);
    Task<Result<Written>> put_module(std::string device_id, std::string module_id, json::object body,
                                     std::optional<std::string> if_match, AuthenticationNames names,
                                     store::Origin by = {});
    Task<Result<>> delete_module(std::string device_id, std::string module_id, std::string if_match,
                                 store::Origin by = {});

    Task<Result<json::object>> get_twin(std::string device_id, std::string module_id);
    // {tags, properties: {desired}}: takes the place of both. If-Match goes by the twin's etag.
    Task<Result<json::object>> replace_twin(std::string device_id, std::string module_id, json::object body,
                                            std::optional<std::string> if_match, store::Origin by = {});
    // {"totalDeviceCount", "enabledDeviceCount", "disabledDeviceCount"}
    Task<Result<json::object>> device_statistics();
    Task<Result<std::int64_t>> count_modules();

    // POST /devices: up to 100 items, each with its importMode; every item stands for itself. The result's isSuccessful
    // says whether the answer is 200 or 400.
    Task<Result<json::object>> bulk(json::array items, store::Origin by = {});

    // That a device's call about itself comes from that device (device_credentials.h).
    Task<Result<>> authenticate(std::string device_id, DeviceCredentials credentials, std::vector<std::string> hosts);

private:
    store::Store& store_;
    const Clock& clock_;
    Random& random_;
};

}  // namespace muster::hub
