// Texts that say where: "host:port" pairs and base URLs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace muster::net {

struct HostPort {
    std::string host;  // without the brackets of an IPv6 literal
    std::uint16_t port = 0;

    // "host:port", brackets put back.
    std::string text() const;
};

// "127.0.0.1:443", "[::1]:443", "host:443"; the port may be missing when `default_port` is not negative.
Result<HostPort> parse_host_port(std::string_view text, int default_port = -1);

// An IPv4 or IPv6 literal: TLS checks it against other names, and SNI must not carry it.
bool is_ip_literal(const std::string& host);

}  // namespace muster::net
