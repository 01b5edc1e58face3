// keyd's HTTP API (facts/device.md 3.3).
#pragma once

#include <boost/asio/io_context.hpp>

#include <memory>

#include "edge/keyd/keys.h"
#include "edge/service/router.h"

namespace muster::edge::keyd {

// `keys` and `worker` outlive the router; every operation runs on `worker`.
std::unique_ptr<Router> make_router(Keys& keys, boost::asio::io_context& worker, Admission::Limits limits);

}  // namespace muster::edge::keyd
