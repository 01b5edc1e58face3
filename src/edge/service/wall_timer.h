// A wait by the wall clock, which people and NTP set: it ends when its time has come, and also when the clock is set,
// so that whoever waits looks again. No wakeup in between.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <memory>

#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"

namespace muster::edge {

// For use from one loop; one wait at a time.
class WallTimer {
public:
    static Result<std::unique_ptr<WallTimer>> create(boost::asio::any_io_executor executor);
    ~WallTimer();
    WallTimer(const WallTimer&) = delete;
    WallTimer& operator=(const WallTimer&) = delete;

    // Until `time` from now has passed, the clock was set, or wake() was called.
    Task<> wait(Micros time);
    // Ends the wait, or the next one when there is none.
    void wake();

private:
    struct State;
    explicit WallTimer(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace muster::edge
