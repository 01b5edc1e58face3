// tpmd's HTTP API (facts/device.md 3.6), and one route of ours: POST /sign_with_wrapped_key {key, data} -> {digest},
// which answers a challenge and leaves the key in force alone.
#pragma once

#include <boost/asio/io_context.hpp>

#include <memory>

#include "edge/service/router.h"
#include "edge/tpmd/tpm.h"

namespace muster::edge::tpmd {

// `tpm` and `worker` outlive the router; every operation runs on `worker`.
std::unique_ptr<Router> make_router(const Tpm& tpm, boost::asio::io_context& worker, Admission::Limits limits);

}  // namespace muster::edge::tpmd
