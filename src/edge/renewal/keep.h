// The life of one certificate that renews itself.
#pragma once

#include <functional>
#include <optional>

#include "edge/renewal/renew.h"
#include "edge/renewal/schedule.h"

namespace muster::edge::renewal {

// What surrounds it; all of it outlives the task.
struct Surroundings {
    const Clock& wall;
    std::function<Schedule::Steady()> steady;
    Random& random;
    // Comes back after that time by the wall clock, when the clock was set, or when there is reason to look again.
    std::function<Task<>(Micros)> wait;
    // Nothing: no renewal, for now.
    std::function<std::optional<Policy>()> policy;
    // What the issuer asked for with the last failure, in seconds; may be empty.
    std::function<std::optional<std::chrono::seconds>()> wish;
    // A new pair has taken the old one's place; may be empty.
    std::function<void()> renewed;
};

// Never ends by itself. Looks at the pair, waits until it is due, renews it, and again; a failure is said in the log
// and tried again. `store` outlives it.
Task<> keep(PairStore& store, PairIds ids, Ways ways, Surroundings around);

}  // namespace muster::edge::renewal
