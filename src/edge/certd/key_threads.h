// The threads on which certd waits for keyd inside of cryptographic operations, which cannot suspend: signatures of
// certificates and requests, TLS handshakes with a key of keyd's. A key whose token hangs holds one of them until keyd
// gives it up, and not the loop on which everything is issued.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <optional>
#include <type_traits>

#include "base/task.h"

namespace muster::edge::certd {

// For use from one loop's thread; the threads begin with the first use.
class KeyThreads {
public:
    // Runs a task, one of its steps at a time, and comes back to the caller's loop. It shares nothing with the loop
    // that may change meanwhile.
    template <class Value>
    Task<Value> follow(Task<Value> task) {
        auto done = co_await boost::asio::co_spawn(boost::asio::make_strand(pool()), kept(std::move(task)),
                                                   boost::asio::use_awaitable);
        co_return std::move(*done);
    }
    // The same for work that blocks from its beginning to its end.
    template <class Work>
    Task<std::invoke_result_t<Work&>> run(Work work) {
        co_return co_await follow(call(std::move(work)));
    }

private:
    static constexpr unsigned threads = 4;

    boost::asio::thread_pool& pool() {
        if (!pool_) pool_.emplace(threads);
        return *pool_;
    }
    // Asio wants results that can be made of nothing.
    template <class Value>
    static Task<std::optional<Value>> kept(Task<Value> task) {
        co_return std::optional<Value>(co_await std::move(task));
    }
    template <class Work>
    static Task<std::invoke_result_t<Work&>> call(Work work) {
        co_return work();
    }

    std::optional<boost::asio::thread_pool> pool_;
};

}  // namespace muster::edge::certd
