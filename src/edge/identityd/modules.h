// The device's module identities: kept on the hub, remembered here, with keys that keyd derives and nobody stores.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/json.h"
#include "base/task.h"
#include "edge/identityd/hub.h"
#include "edge/identityd/provisioner.h"
#include "edge/identityd/state.h"

namespace muster::edge::identityd {

// Tasks run on the cloud loop. Errors of the hub are unavailable, timeout, unauthorized, conflict or throttled.
class Modules {
public:
    Modules(const State& state, Provisioner& provisioner, Neighbours neighbours)
        : state_(state), provisioner_(provisioner), neighbours_(std::move(neighbours)) {}
    // Called, on the cloud loop, when the hub denies this device a call.
    void on_refusal(std::function<void()> call) { refused_ = std::move(call); }

    // Does the hub know this device? Denials asked for here are not told to on_refusal.
    Task<Result<bool>> known_to_hub();

    // Identity documents as the API gives them: {"type":"aziot","spec":{...}}.
    Task<Result<json::object>> create(std::string module);
    Task<Result<json::object>> update(std::string module);
    Task<Result<json::object>> get(std::string module);
    Task<Result<json::array>> list();
    Task<Result<>> remove(std::string module);

    // Makes an identity for each module principal and removes those of principals that went. Tries again by itself
    // until it is done; a second call while one runs makes that one start over with the new names.
    Task<> reconcile(std::vector<std::string> names);

private:
    struct Session {
        DeviceIdentity identity;
        std::unique_ptr<HubClient> hub;
    };
    Task<Result<Session>> open(std::function<void()> refused);
    Task<Result<Session>> open() { return open(refused_); }
    Task<Result<HubModule>> ensure(Session& session, std::string module);
    Task<Result<HubModule>> give_keys(Session& session, HubModule module);
    Task<Result<Secret>> derive(std::string module, std::string generation, std::string which);
    Task<Result<std::string>> key_handle(const HubModule& module);
    Task<Result<json::object>> describe(const DeviceIdentity& identity, const HubModule& module);
    Task<Result<std::vector<HubModule>>> list_on_hub();
    Task<Result<HubModule>> look_up(std::string module);
    Task<Result<>> reconcile_once(const std::vector<std::string>& names);

    const State& state_;
    Provisioner& provisioner_;
    Neighbours neighbours_;
    std::function<void()> refused_;
    bool reconciling_ = false;
    std::optional<std::vector<std::string>> next_names_;
    Bell names_changed_;
};

}  // namespace muster::edge::identityd
