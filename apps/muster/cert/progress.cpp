#include "muster/cert/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace muster::cli::cert {
namespace {

constexpr std::size_t bar_width = 30;
// Shorter runs are over before anyone could read it.
constexpr std::size_t worth_a_bar = 50;

}  // namespace

Progress::Progress(std::size_t total) : total_(total), shown_(total >= worth_a_bar && ::isatty(STDERR_FILENO) == 1) {}

void Progress::show(std::size_t done) {
    if (!shown_) return;
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
    const double left = rate > 0 ? static_cast<double>(total_ - done) / rate : 0;
    const std::string bar(bar_width * done / total_, '#');
    fmt::print(stderr, "\r[{:<{}}] {}/{}  {:.0f}/s  {:.0f} s left \033[K", bar, bar_width, done, total_, rate, left);
    drawn_ = true;
}

void Progress::finish() {
    if (!drawn_) return;
    fmt::print(stderr, "\r\033[K");
}

}  // namespace muster::cli::cert
