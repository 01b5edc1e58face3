// `iotedge check`: is everything as it must be for this device to have an identity, and if not, what mends it
// (facts/device.md 7.3). In this process: no container image, no helper.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "edge/check/outcome.h"
#include "edge/common/paths.h"

namespace muster::edge::checks {

struct Options {
    std::set<std::string> dont_run;  // ids
    std::string iothub_hostname;     // host[:port]; empty: the one that the device was assigned to
    std::string proxy_uri;           // empty: the configured one
    std::string ntp_server = "pool.ntp.org:123";
    std::string expected_version;  // of this runtime; empty: none expected
};

struct Found {
    std::string section;
    std::string id;
    std::string description;
    Outcome outcome;
};

// Runs all checks in their order and tells each result at once. No check takes longer than half a minute, and what one
// has found to be down, no other waits for: a device with everything down is told of in less than a minute.
std::vector<Found> run(const Paths& paths, const Options& options, const Clock& clock,
                       const std::function<void(const Found&)>& tell);

struct Listed {
    std::string section;
    std::string id;
    std::string description;
};
std::vector<Listed> list();

}  // namespace muster::edge::checks
