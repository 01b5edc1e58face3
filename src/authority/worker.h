// A thread for what would hold up a reactor: signatures with large keys, new keys, key files.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <optional>

#include "base/error.h"
#include "base/task.h"

namespace muster::authority {

class Worker {
public:
    // What waits at most; beyond it work is turned away.
    static constexpr int max_waiting = 1000;

    ~Worker() { stop(); }
    void stop() { pool_.join(); }

    // `fn` returns a Result; its caller goes on, on its own reactor, when it has run. Errc::unavailable when too much
    // waits. The worker must go before the reactors do.
    template <class Fn>
    auto run(Fn fn) -> Task<std::invoke_result_t<Fn&>> {
        if (waiting_.fetch_add(1) >= max_waiting) {
            --waiting_;
            co_return fail(Errc::unavailable, "the authority has more to sign than it can; try again");
        }
        std::optional<std::invoke_result_t<Fn&>> outcome;
        auto initiate = [&](auto handler) {
            auto executor = boost::asio::get_associated_executor(handler);
            boost::asio::post(
                pool_, [&, handler = std::move(handler), guard = boost::asio::make_work_guard(executor)]() mutable {
                    outcome.emplace(fn());
                    --waiting_;
                    boost::asio::post(guard.get_executor(),
                                      [handler = std::move(handler)]() mutable { std::move(handler)(); });
                });
        };
        co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void()>(initiate,
                                                                                            boost::asio::use_awaitable);
        co_return std::move(*outcome);
    }

private:
    std::atomic<int> waiting_{0};
    boost::asio::thread_pool pool_{1};
};

}  // namespace muster::authority
