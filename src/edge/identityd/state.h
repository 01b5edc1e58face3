// What identityd remembers (facts/device.md 4.2). Each file is replaced in one durable step: whatever instant the power
// goes, the last whole identity is there.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace muster::edge::identityd {

// The result of provisioning.
struct DeviceIdentity {
    std::string hub;      // host[:port]
    std::string gateway;  // where the hub is called: the hub itself
    std::string device_id;
    // Names the settings that led here (endpoint, scope, registration); empty in a file of the original runtime.
    std::string provisioned_with;

    bool operator==(const DeviceIdentity&) const = default;
};

// A module as the hub knows it, without its keys.
struct HubModule {
    std::string module_id;
    std::string device_id;
    std::string generation_id;
    std::string managed_by;  // may be empty
    std::string auth_type;   // "none", "sas" or "x509"

    bool operator==(const HubModule&) const = default;
};

// The identity that is stored at `home`, without tidying up there as State::open does. Errc::not_found when there is
// none.
Result<DeviceIdentity> read_identity(const std::filesystem::path& home);

class State {
public:
    // Makes the directory (0700) and removes what an interrupted write left.
    static Result<State> open(std::filesystem::path home);

    // Nothing when there is none; a damaged file is said in the log and counts as none.
    std::optional<DeviceIdentity> load_identity() const;
    Result<> save_identity(const DeviceIdentity& identity) const;

    // The principals' modules that were made before, to tell which went.
    std::vector<std::string> load_module_names() const;
    Result<> save_module_names(const std::vector<std::string>& names) const;

    std::optional<HubModule> load_module(const DeviceIdentity& identity, const std::string& module) const;
    std::vector<HubModule> load_modules(const DeviceIdentity& identity) const;
    Result<> save_module(const DeviceIdentity& identity, const HubModule& module) const;
    Result<> remove_module(const DeviceIdentity& identity, const std::string& module) const;

private:
    explicit State(std::filesystem::path home) : home_(std::move(home)) {}
    std::filesystem::path modules_of(const DeviceIdentity& identity) const;
    std::filesystem::path home_;
};

}  // namespace muster::edge::identityd
