// The hub's module identities, as a device may keep its own (facts/device.md 4.5, facts/hub.md 6.2): api-version
// 2017-11-08-preview, GET and PUT answered 200, DELETE 204.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "base/task.h"
#include "edge/identityd/cloud.h"
#include "edge/identityd/state.h"

namespace muster::edge::identityd {

// A module as the hub describes it. Errc::conflict when it lacks what makes it one.
Result<HubModule> read_hub_module(const json::value& value);

// Where the requests about this device go, and what their tokens are for.
CloudTarget hub_target(const DeviceIdentity& identity);

// Errors: unavailable or timeout when the hub cannot be reached or answers 5xx (the caller may use what it remembers);
// unauthorized, conflict and throttled when it refuses; an error names status and message.
class HubClient {
public:
    // `refused` is called when the hub answers 401 or 403: it may no longer know this device.
    HubClient(std::shared_ptr<CloudClient> client, std::string device_id, unsigned retries,
              std::function<void()> refused)
        : client_(std::move(client)),
          device_id_(std::move(device_id)),
          retries_(retries),
          refused_(std::move(refused)) {}

    // Does it know this device and take its credential?
    Task<Result<bool>> knows_device();
    Task<Result<std::vector<HubModule>>> list();
    Task<Result<std::optional<HubModule>>> find(std::string module);  // nothing: the hub has none of that name
    // Nothing when there is one already (409).
    Task<Result<std::optional<HubModule>>> create(std::string module);
    // Gives the module its keys.
    Task<Result<HubModule>> update(HubModule module, Secret primary_key, Secret secondary_key);
    Task<Result<>> remove(std::string module);  // one that is not there is no error

private:
    Task<Result<net::HttpResponse>> send(std::string method, std::string path, json::object body, bool any_version);
    std::string path_of(std::string_view module) const;

    std::shared_ptr<CloudClient> client_;
    std::string device_id_;
    unsigned retries_;
    std::function<void()> refused_;
};

}  // namespace muster::edge::identityd
