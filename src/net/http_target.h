// Where a client's requests go: its base URL and what the options say about the way there.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "net/address.h"
#include "net/http_client.h"

namespace muster::net {

struct HttpTarget {
    std::string unix_path;        // set for unix://
    bool plain = false;           // http://: no TLS
    HostPort host;                // of the URL: the name in TLS
    std::string host_header;      // as the URL has it
    HostPort connect;             // where TCP goes: the proxy, `connect_to`, or the host itself
    std::optional<HostPort> via;  // what the proxy is asked to connect to
    std::string proxy_authorization;
    std::string text;  // for errors
};

// "https://host[:port]", "unix:///path" or, where the options have it, "http://host[:port]". Errors are
// Errc::invalid_argument and never show a proxy's password.
Result<HttpTarget> read_target(const std::string& base_url, const ClientOptions& options);

}  // namespace muster::net
