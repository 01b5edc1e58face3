// How far a long command is, on one line of a terminal; nothing is shown where standard error is none.
#pragma once

#include <chrono>
#include <string>

#include "muster/io.h"

namespace muster::cli {

class ProgressBar {
public:
    ProgressBar(const Io& io, std::string what) : io_(io), what_(std::move(what)) {}
    // `part` of the whole, 0 to 1; nothing where the whole is not known. `items`: done so far in this run.
    void show(std::optional<double> part, std::size_t items);
    // Takes the line away again.
    void clear();

private:
    using Monotonic = std::chrono::steady_clock;
    const Io& io_;
    std::string what_;
    Monotonic::time_point began_ = Monotonic::now();
    Monotonic::time_point shown_{};
    std::optional<double> first_part_;  // a run that was taken up again did not begin at nothing
    std::size_t width_ = 0;
};

// "1,234,567"
std::string grouped(std::size_t number);
// "21 s", "3 min 5 s"
std::string duration_text(std::chrono::duration<double> duration);

}  // namespace muster::cli
