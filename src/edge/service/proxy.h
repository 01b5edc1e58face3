// The proxy between this device and the world, from a service's settings:
//
//     [proxy]                      a section of ours, the same in every service's file
//     url = "http://[user:password@]host:port"
//     no_proxy = ["intranet.example", "10.0.0.0/8"]
//     ca = "file:///etc/aziot/proxy-ca.pem"
#pragma once

#include <filesystem>
#include <optional>

#include "base/json.h"
#include "net/proxy.h"

namespace muster::edge {

struct Proxy {
    net::ProxyRules rules;
    // Of a proxy that looks into TLS: PEM, trusted besides the system's store.
    std::optional<std::filesystem::path> authorities;
};

// Without that section: HTTPS_PROXY and NO_PROXY of the environment. Errc::invalid_argument never shows the URL, which
// may hold a password.
Result<Proxy> read_proxy(const json::object& settings);

}  // namespace muster::edge
