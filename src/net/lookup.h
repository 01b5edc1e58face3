// Host names into addresses, within a time.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/task.h"
#include "net/deadline.h"

namespace muster::net {

// The addresses of `host` in the system's order of preference; never empty. The system's resolver cannot be
// interrupted: it runs on a thread of its own, and when the time is over it is left to itself. Errors: Errc::timeout,
// Errc::unavailable.
Task<Result<std::vector<boost::asio::ip::tcp::endpoint>>> look_up(std::string host, std::uint16_t port,
                                                                  Deadline& deadline);

}  // namespace muster::net
