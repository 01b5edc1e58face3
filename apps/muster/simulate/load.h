// Many simulated devices at a time, on one event loop, each step timed.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "muster/simulate/device_client.h"
#include "muster/simulate/dialogue.h"
#include "muster/simulate/fleet.h"

namespace muster::cli::simulate {

struct LoadOptions {
    std::size_t devices = 1;
    std::size_t concurrency = 16;
    std::size_t first = 1;  // number of the first device
    std::string scope;
    Transport transport = Transport::https;
    bool handshake_only = false;     // one GET / and no registration: for servers that are not ours
    bool reconnect_to_poll = false;  // a connection of its own for each poll, as some devices do
    std::optional<std::chrono::milliseconds> poll_after;  // instead of what Retry-After says
    std::chrono::milliseconds patience{60'000};           // for one device, from connect to close
};

struct LoadResult {
    std::size_t done = 0;
    std::size_t requests = 0;
    std::map<std::string, std::size_t> outcomes;  // "assigned", "failed: ...", "handshake: ..."
    // Microseconds, one entry per device that got so far.
    std::vector<std::uint32_t> handshake;     // connect and TLS
    std::vector<std::uint32_t> registration;  // the first request and its answer
    std::vector<std::uint32_t> total;         // from connect to the final answer
    double seconds = 0;                       // elapsed, without the making of keys and certificates
    double client_cpu_seconds = 0;            // likewise
};

// `progress` hears how many are done, now and then.
Result<LoadResult> run_load(const Destination& destination, Fleet& fleet, const LoadOptions& options,
                            const std::function<void(std::size_t)>& progress);

}  // namespace muster::cli::simulate
