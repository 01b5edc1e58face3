// The coroutine type of services and servers: a lazily started Asio awaitable on the reactor that runs its caller.
#pragma once

#include <boost/asio/awaitable.hpp>

namespace muster {

template <class T = void>
using Task = boost::asio::awaitable<T>;

}  // namespace muster
