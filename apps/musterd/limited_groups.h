// The groups that [throttle.groups] names: a limit for a group that is not there limits nobody, and is told.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/task.h"
#include "provisioning/throttle.h"
#include "store/store.h"

namespace muster::musterd {

class LimitedGroups {
public:
    LimitedGroups(store::Store& store, const provisioning::ThrottleSettings& throttle);

    bool any() const { return !names_.empty(); }
    // What has changed since the last look goes into the log: those that are missing, and those that have come. One
    // look at a time on one thread; also when the groups have changed.
    Task<Result<>> look();
    // Those that were not there at the last look, in lower case.
    const std::set<std::string>& missing() const { return missing_; }

private:
    Task<Result<std::set<std::string>>> find_missing();

    store::Store& store_;
    std::vector<std::string> names_;
    std::set<std::string> missing_;
};

}  // namespace muster::musterd
