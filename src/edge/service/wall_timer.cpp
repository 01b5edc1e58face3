#include "edge/service/wall_timer.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cerrno>
#include <ctime>

namespace muster::edge {

namespace asio = boost::asio;

struct WallTimer::State {
    asio::posix::stream_descriptor timer;
    bool woken = false;
};

namespace {

// Absolute, with the flag that ends it when the clock is set. A time of zero would switch the timer off.
bool arm(int timer, Micros from_now) {
    timespec now{};
    static_cast<void>(::clock_gettime(CLOCK_REALTIME, &now));
    const auto nanoseconds =
        std::chrono::nanoseconds(std::clamp<Micros>(from_now, Micros(1), std::chrono::hours(24 * 366)));
    const auto total = std::chrono::nanoseconds(now.tv_nsec) + nanoseconds;
    const auto whole = std::chrono::floor<std::chrono::seconds>(total);
    itimerspec when{};
    when.it_value.tv_sec = now.tv_sec + whole.count();
    when.it_value.tv_nsec = (total - whole).count();
    return ::timerfd_settime(timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, nullptr) == 0;
}

}  // namespace

WallTimer::WallTimer(std::unique_ptr<State> state) : state_(std::move(state)) {}
WallTimer::~WallTimer() = default;

Result<std::unique_ptr<WallTimer>> WallTimer::create(asio::any_io_executor executor) {
    const int timer = ::timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timer < 0) return fail(errno_error("cannot make a timer", errno));
    auto state = std::make_unique<State>(State{asio::posix::stream_descriptor(executor, timer)});
    return std::unique_ptr<WallTimer>(new WallTimer(std::move(state)));
}

Task<> WallTimer::wait(Micros time) {
    if (!state_->woken && arm(state_->timer.native_handle(), time)) {
        co_await state_->timer.async_wait(asio::posix::stream_descriptor::wait_read,
                                          asio::as_tuple(asio::use_awaitable));
        // Takes the expiry, or ECANCELED when the clock was set: either way the wait is over.
        std::uint64_t expiries = 0;
        (void)!::read(state_->timer.native_handle(), &expiries, sizeof expiries);
    }
    state_->woken = false;
}

void WallTimer::wake() {
    state_->woken = true;
    state_->timer.cancel();
}

}  // namespace muster::edge
