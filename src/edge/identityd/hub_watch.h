// Does the hub still know this device? When it does not, the device is registered again (facts/device.md 4.6).
//
// The original leaves this to the container runtime, which sees the hub refuse its connection. Here identityd asks the
// hub itself, so that a device without containers finds its new hub, too:
//
//     at a start with a stored identity, and whenever the hub
//     has refused a call                                      every mode
//     once an hour                                            mode Dynamic
//     while the hub cannot be reached                         with growing pauses; after some, DPS is asked as well
//
// The identity in hand serves meanwhile, and is replaced by a new one only.
#pragma once

#include "edge/identityd/modules.h"
#include "edge/identityd/provisioner.h"

namespace muster::edge::identityd {

// For the cloud loop alone.
class HubWatch {
public:
    struct Pace {
        std::chrono::milliseconds spread{5'000};  // the first look comes within: a plant's devices start together
        std::chrono::milliseconds between_looks{3'600'000};  // Dynamic, all well; half of it to one and a half
        std::chrono::milliseconds first{60'000};             // after a failed look; doubles from there
        std::chrono::milliseconds longest{3'600'000};
        unsigned patience = 3;  // looks in a row without an answer before DPS is asked whether there is another hub
    };

    HubWatch(Provisioner& provisioner, Modules& modules, Random& random, Pace pace)
        : provisioner_(provisioner), modules_(modules), random_(random), pace_(pace) {}

    // Ends never. `look_at_once`: the identity is one of before, so see at the start whether the hub still knows it.
    Task<> run(bool look_at_once);
    // The hub has refused a call: look now.
    void suspect() { suspicion_.ring(); }

private:
    Task<> look();
    Task<> find_hub_again();
    Task<> rest();
    std::chrono::milliseconds pause() const;

    Provisioner& provisioner_;
    Modules& modules_;
    Random& random_;
    Pace pace_;
    Bell suspicion_;
    unsigned failures_ = 0;  // looks in a row after which not all was well
    unsigned silences_ = 0;  // those of them that had no answer at all
};

}  // namespace muster::edge::identityd
