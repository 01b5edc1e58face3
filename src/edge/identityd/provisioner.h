// How the device comes by its identity, and keeps it.
//
// A stored identity is used at once, without a word to DPS. Without one, or when the settings that led to it have
// changed, registration is tried until it succeeds, with growing, jittered pauses, and never by exiting. A stored
// identity is replaced only by a new one in hand.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/random.h"
#include "base/task.h"
#include "edge/identityd/cloud.h"
#include "edge/identityd/settings.h"
#include "edge/identityd/state.h"
#include "edge/identityd/wait.h"

namespace muster::edge::identityd {

// Tasks run on the cloud loop; identity() and trouble() may be asked from any thread and never wait for the network.
class Provisioner {
public:
    struct Pace {
        std::chrono::milliseconds first{2'000};  // before the second attempt; doubles from there
        std::chrono::milliseconds longest{300'000};
        std::chrono::seconds attempt{300};  // bound of one registration
    };

    Provisioner(const State& state, Neighbours neighbours, Settings settings, Random& random, Pace pace);

    std::optional<DeviceIdentity> identity() const;
    // Why there is no identity yet, for errors: the last attempt's.
    std::string trouble() const;
    // Errc::not_found "device identity not found", with the trouble.
    Result<DeviceIdentity> require_identity() const;

    // Until there is an identity that fits the settings. True: it comes from a registration just now.
    Task<bool> run();
    // One registration now; joins the one that is running. The old identity stays when it fails.
    Task<Result<>> reprovision();
    // One registration with a credential that is not the device's yet, or, with an identity made by hand, one call of
    // the hub: whether it works. What the service answers is the device's identity from now on. Errc::unauthorized or
    // conflict: the credential was refused.
    Task<Result<>> prove(CredentialPtr credential);
    void set_settings(Settings settings);
    const Settings& settings() const { return settings_; }

private:
    Task<bool> stored_identity_fits();
    // With the device's own credential when none is given.
    Task<Result<>> attempt(CredentialPtr credential);
    Task<Result<>> attempt_contained(CredentialPtr credential);  // a defect of ours is an error like others
    Task<Result<>> one_attempt(CredentialPtr credential);
    Task<Result<>> ask_hub(CredentialPtr credential);
    Task<Result<DeviceIdentity>> register_device(CredentialPtr credential);
    void use_manual_identity();
    std::chrono::milliseconds next_pause();
    void adopt(const DeviceIdentity& identity);
    void note_trouble(const Error& error);

    const State& state_;
    Neighbours neighbours_;
    Settings settings_;
    Random& random_;
    Pace pace_;
    // Of the cloud loop alone:
    bool running_ = false;
    std::optional<Result<>> last_result_;
    Bell attempt_ended_;
    Bell hurry_;
    unsigned failures_ = 0;
    std::optional<std::chrono::seconds> wish_;

    mutable std::mutex mutex_;  // guards the two below
    std::optional<DeviceIdentity> identity_;
    std::string trouble_;
};

}  // namespace muster::edge::identityd
