// One reading of the store at a time for all who ask for it: who comes while one is under way shares the next, which
// begins after they asked. So a fleet that finds a cache behind costs two readings and not one for each device. A
// reading that fails has failed for both.
#pragma once

#include <functional>
#include <memory>

#include "base/error.h"
#include "base/task.h"

namespace muster {

class OneReading {
public:
    using Read = std::function<Task<Result<>>()>;

    // `read` must outlive what is asked.
    explicit OneReading(Read read);
    // The outcome of a reading that began after this was asked. From any thread. Errc::unavailable when the loop that
    // it ran on ended.
    Task<Result<>> ask();

private:
    struct Waiter;
    struct State;
    class Reader;
    static Task<> read_on(std::shared_ptr<State> state);

    std::shared_ptr<State> state_;
};

}  // namespace muster
