// Waiting, as a coroutine.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "base/task.h"

namespace muster::edge::identityd {

inline Task<> wait_for(std::chrono::milliseconds time) {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, time);
    co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
}

// A bell for coroutines of one loop: those that wait are woken by the next ring, or when their time is over.
class Bell {
public:
    void ring() {
        for (const auto& waiting : std::exchange(waiting_, {}))
            if (const auto timer = waiting.lock()) timer->cancel();
    }
    Task<> wait(std::chrono::milliseconds at_most) {
        auto timer = std::make_shared<boost::asio::steady_timer>(co_await boost::asio::this_coro::executor, at_most);
        waiting_.push_back(timer);
        co_await timer->async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        std::erase_if(waiting_, [&](const auto& waiting) { return waiting.lock() == timer; });
    }

private:
    // Not owned: a loop that ends takes its coroutines, and with them their timers, along.
    std::vector<std::weak_ptr<boost::asio::steady_timer>> waiting_;
};

}  // namespace muster::edge::identityd
