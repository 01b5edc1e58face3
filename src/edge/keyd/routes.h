// keyd's HTTP API (facts/device.md 3.3).
#pragma once

#include <boost/asio/io_context.hpp>

#include <memory>

#include "edge/keyd/keys.h"
#include "edge/keyd/token_threads.h"
#include "edge/service/router.h"

namespace muster::edge::keyd {

// Where the operations run, since all of them block: those of keys in files on `files`, which has one thread; those for
// which a token is asked on its threads, which are null where there is none.
struct Places {
    boost::asio::io_context& files;
    TokenThreads* tokens = nullptr;
};

// `keys` and the places outlive the router.
std::unique_ptr<Router> make_router(Keys& keys, Places places, Admission::Limits limits);

}  // namespace muster::edge::keyd
