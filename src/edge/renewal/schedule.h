// The moment of the next renewal of one certificate. No clock of its own: it is told the time.
//
// Two clocks matter. Whether a certificate is due is a question to the wall clock, which may jump: the answer is found
// anew at each look, so a jump forwards makes due what is due, and one backwards takes it back. The pause after a
// failure, or after a renewal, is measured by the steady clock: whatever the wall clock says, an issuer is not asked
// more often than the pause allows.
#pragma once

#include <chrono>
#include <optional>

#include "base/random.h"
#include "edge/renewal/policy.h"

namespace muster::edge::renewal {

class Schedule {
public:
    using Steady = std::chrono::steady_clock::time_point;

    // `random` outlives it.
    Schedule(Policy policy, Random& random) : policy_(policy), random_(random) {}

    const Policy& policy() const { return policy_; }

    // The certificate that is in use from now on. The renewal begins at its threshold and a random time more, at most
    // one retry pause and a quarter of what is left: a fleet that was made together is not renewed together. One that
    // is overdue waits as long from now, ten minutes at most: a fleet that was switched on together.
    void watch(const Lifetime& life, TimePoint wall, Steady now);
    // The same after a renewal: the next one comes after a retry pause at the earliest, even when the issuer gave a
    // certificate that is due already.
    void renewed(const Lifetime& life, TimePoint wall, Steady now);
    // An attempt failed: the next one comes a retry pause later and up to a quarter of it more; not later than an hour
    // once the certificate has ended; not before what the issuer asked for (`wish`), of which counts at most a quarter
    // of the life that is left, but a minute, and an hour after the end.
    void failed(TimePoint wall, Steady now, std::optional<std::chrono::seconds> wish = std::nullopt);

    // How long until the next attempt; zero: it is due.
    Micros wait(TimePoint wall, Steady now) const;

private:
    Micros up_to(Micros most) const;
    Micros longest_wish(TimePoint wall) const;

    Policy policy_;
    Random& random_;
    Lifetime life_{};
    Micros jitter_{0};
    std::optional<Steady> not_earlier_;
};

}  // namespace muster::edge::renewal
