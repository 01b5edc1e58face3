// Who holds a TCP port on this machine, for the error of one who wanted it.
#pragma once

#include <cstdint>
#include <string>

namespace muster::net {

// "nginx (process 812)"; "another program" when it cannot be found out.
std::string port_owner(std::uint16_t port);

}  // namespace muster::net
