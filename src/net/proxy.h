// Which proxy the connections of a client go through.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::net {

struct ProxyRules {
    std::string url;  // "http://[user:password@]host:port"; empty: none. Holds a secret: never log it.
    // Hosts that are called directly: "name" (with all below it), ".name", an address, "10.0.0.0/8", or "*" for all.
    std::vector<std::string> exceptions;

    // HTTPS_PROXY, NO_PROXY, and the same in lower case.
    static ProxyRules from_environment();
    // The proxy on the way to this host (a name or an address without brackets, see host_of); nothing for a direct
    // connection.
    std::optional<std::string> on_the_way_to(std::string_view host) const;
};

// The host alone of "https://host:port/path", "host:port" or "[::1]:port", without brackets.
std::string_view host_of(std::string_view address);

}  // namespace muster::net
