// keyd's HTTP API (facts/device.md 3.3).
#pragma once

#include <boost/asio/io_context.hpp>

#include <memory>

#include "edge/keyd/keys.h"
#include "edge/service/router.h"

namespace muster::edge::keyd {

// Where the operations run, since all of them block: what makes, moves or removes keys on `changes`, which has one
// thread; everything else on `uses`, which may have several. May be the same.
struct Loops {
    boost::asio::io_context& changes;
    boost::asio::io_context& uses;
};

// `keys` and the loops outlive the router.
std::unique_ptr<Router> make_router(Keys& keys, Loops loops, Admission::Limits limits);

}  // namespace muster::edge::keyd
