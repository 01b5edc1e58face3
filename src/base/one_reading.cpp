#include "base/one_reading.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <mutex>
#include <optional>
#include <vector>

namespace muster {

namespace asio = boost::asio;

// Whoever asked: the timer lies in its coroutine, which may go, with its loop, before it was told.
struct OneReading::Waiter {
    asio::steady_timer* timer = nullptr;  // under the state's mutex
    std::optional<Result<>> outcome;      // of its own loop's thread
};

struct OneReading::State {
    using Waiters = std::vector<std::shared_ptr<Waiter>>;

    explicit State(Read read_it) : read(std::move(read_it)) {}

    // Who waits for the next reading; when nobody does, there will be none.
    Waiters take() {
        const std::lock_guard lock(mutex);
        if (waiting.empty()) reading = false;
        return std::exchange(waiting, {});
    }

    void tell(const Waiters& waiters, const Result<>& outcome) {
        const std::lock_guard lock(mutex);
        for (const auto& waiter : waiters) {
            if (waiter->timer == nullptr) continue;
            asio::post(waiter->timer->get_executor(), [waiter, outcome] {
                waiter->outcome = outcome;
                if (waiter->timer != nullptr) waiter->timer->cancel();
            });
        }
    }

    void leave(Waiter& waiter) {
        const std::lock_guard lock(mutex);
        waiter.timer = nullptr;
    }

    const Read read;
    std::mutex mutex;
    bool reading = false;
    Waiters waiting;
};

// Nobody goes on waiting for a reading whose loop was taken away.
class OneReading::Reader {
public:
    explicit Reader(std::shared_ptr<State> state) : state_(std::move(state)) {}
    ~Reader() {
        const Result<> ended = fail(Errc::unavailable, "the service is stopping");
        for (; !batch_.empty(); batch_ = state_->take()) state_->tell(batch_, ended);
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    bool next() {
        batch_ = state_->take();
        return !batch_.empty();
    }
    void tell(const Result<>& outcome) { state_->tell(batch_, outcome); }

private:
    std::shared_ptr<State> state_;
    State::Waiters batch_;
};

OneReading::OneReading(Read read) : state_(std::make_shared<State>(std::move(read))) {}

Task<> OneReading::read_on(std::shared_ptr<State> state) {
    Reader reader(state);
    while (reader.next()) {
        const auto outcome = co_await state->read();
        reader.tell(outcome);
        if (outcome) continue;
        // Who came meanwhile does not wait as long again for what has just been found to be away.
        if (!reader.next()) co_return;
        reader.tell(outcome);
    }
}

Task<Result<>> OneReading::ask() {
    const auto state = state_;
    const auto executor = co_await asio::this_coro::executor;
    const auto waiter = std::make_shared<Waiter>();
    asio::steady_timer timer(executor, asio::steady_timer::time_point::max());
    struct Place {
        ~Place() { state.leave(waiter); }
        State& state;
        Waiter& waiter;
    };
    bool begins = false;
    {
        const std::lock_guard lock(state->mutex);
        waiter->timer = &timer;
        state->waiting.push_back(waiter);
        begins = !std::exchange(state->reading, true);
    }
    const Place place{*state, *waiter};
    if (begins) asio::co_spawn(executor, read_on(state), asio::detached);
    while (!waiter->outcome) co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return std::move(*waiter->outcome);
}

}  // namespace muster
