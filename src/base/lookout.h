// What is held in memory of a database that others change, too, is never behind what anybody was answered.
//
// Whoever changes it answers `settling` after the change is durable; whoever goes by what is held sees to it that it
// was compared with the database `longest_unseen` ago at most. So what was answered anywhere is in force everywhere,
// whether they hear of each other or not; and all who ask share four looks a second, the busier the fewer for each.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>

#include "base/error.h"
#include "base/one_reading.h"
#include "base/task.h"

namespace muster {

class Lookout {
public:
    static constexpr std::chrono::milliseconds longest_unseen{250};
    // Longer than that, by what clocks and timers of two machines may differ in such a time.
    static constexpr std::chrono::milliseconds settling{300};

    // Compares what is held with the database, and reads it anew where it differs.
    using Look = std::function<Task<Result<>>()>;

    // `look` must outlive whoever asks.
    explicit Lookout(Look look);

    // What is held was looked at lately, or is now. Its error is one of `look`.
    Task<Result<>> make_sure();
    // The outcome of a look that began after this was asked.
    Task<Result<>> look();
    // Of a change, once it is durable: nobody goes by what was before when it returns.
    static Task<> settle();

private:
    using Steady = std::chrono::steady_clock;
    Task<Result<>> look_now();

    const Look look_;
    std::atomic<Steady::rep> seen_;  // when the last look that was good began
    OneReading reading_;
};

}  // namespace muster
