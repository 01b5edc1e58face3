// The template half of reactor.h.
#pragma once

#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <optional>

namespace muster::net {

template <class T>
T run_blocking(Task<T> task) {
    boost::asio::io_context loop(1);
    std::exception_ptr thrown;
    if constexpr (std::is_void_v<T>) {
        boost::asio::co_spawn(loop, std::move(task), [&](std::exception_ptr error) { thrown = std::move(error); });
        loop.run();
        if (thrown) std::rethrow_exception(thrown);
    } else {
        std::optional<T> value;
        boost::asio::co_spawn(loop, std::move(task), [&](std::exception_ptr error, T result) {
            thrown = std::move(error);
            value.emplace(std::move(result));
        });
        loop.run();
        if (thrown) std::rethrow_exception(thrown);
        return std::move(*value);
    }
}

}  // namespace muster::net
