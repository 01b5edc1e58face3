// What mends it that a host cannot be reached, or is not who it should be.
#pragma once

#include <string>

#include "base/error.h"

namespace muster::edge::checks {

struct Destination {
    std::string where;       // "host:port"
    std::string correction;  // of a wrong name or port: "correct global_endpoint in ..."
    bool by_proxy = false;   // a proxy is asked for the way
};

// For an error of net::HttpClient: a sentence or a command. Empty when there is none to give.
std::string what_mends(const Error& error, const Destination& to);

}  // namespace muster::edge::checks
