// Host names into addresses, within a time. The system's resolver can neither be interrupted nor told how long it may
// take: it runs on a thread of its own, and is left to itself when the time is over. Who asks for the same name
// meanwhile waits for the same thread, so there is never more than one for a name.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "store/stop_signal.h"

namespace muster::store {

class HostLookup {
public:
    using Addresses = Result<std::vector<std::string>>;
    using Resolve = std::function<Addresses(const std::string& host)>;

    // `resolve` runs on those threads and may outlive this.
    explicit HostLookup(Resolve resolve);
    // The system's resolver (nsswitch.conf, resolv.conf); the process's one.
    static HostLookup& system();

    // Numeric addresses in the order of preference; never empty. Waits at most `time`, and no longer than until
    // `interrupted` is raised. Errc::unavailable for a name that is not known or not found out in time.
    Addresses find(const std::string& host, std::chrono::milliseconds time, const StopSignal& interrupted);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace muster::store
