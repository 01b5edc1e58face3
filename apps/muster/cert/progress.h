// A progress bar on standard error, for runs that take a while; nothing where standard error is no terminal.
#pragma once

#include <chrono>
#include <cstddef>

namespace muster::cli::cert {

class Progress {
public:
    explicit Progress(std::size_t total);
    // Draws, a few times a second at most.
    void show(std::size_t done);
    // Wipes the bar away.
    void finish();

private:
    using Clock = std::chrono::steady_clock;
    const std::size_t total_;
    const bool shown_;
    const Clock::time_point start_ = Clock::now();
    bool drawn_ = false;
};

}  // namespace muster::cli::cert
