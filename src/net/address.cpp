#include "net/address.h"

#include <arpa/inet.h>

#include "base/text.h"

namespace muster::net {

std::string HostPort::text() const {
    return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

Result<HostPort> parse_host_port(std::string_view text, int default_port) {
    HostPort result;
    std::string_view rest;
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos)
            return fail(Errc::invalid_argument, "address \"{}\" lacks a ']'", printable(text));
        result.host = text.substr(1, end - 1);
        rest = text.substr(end + 1);
    } else {
        const auto colon = text.find(':');
        result.host = text.substr(0, colon);
        if (colon != std::string_view::npos) rest = text.substr(colon);
    }
    if (result.host.empty()) return fail(Errc::invalid_argument, "address \"{}\" has no host", printable(text));
    if (rest.empty() && default_port >= 0) {
        result.port = static_cast<std::uint16_t>(default_port);
        return result;
    }
    const auto port = rest.starts_with(':') ? parse_integer<std::uint16_t>(rest.substr(1)) : std::nullopt;
    if (!port) return fail(Errc::invalid_argument, "address \"{}\" needs a port from 0 to 65535", printable(text));
    result.port = *port;
    return result;
}

bool is_ip_literal(const std::string& host) {
    in6_addr buffer{};
    return ::inet_pton(AF_INET, host.c_str(), &buffer) == 1 || ::inet_pton(AF_INET6, host.c_str(), &buffer) == 1;
}

}  // namespace muster::net
