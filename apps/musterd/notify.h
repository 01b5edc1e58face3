// Telling systemd how far we are: the protocol of sd_notify(3), which is one datagram.
#pragma once

#include <string_view>

#include "base/error.h"

namespace muster::musterd {

// `state` is lines of NAME=VALUE: "READY=1", "STOPPING=1". Without a systemd that asked for it (NOTIFY_SOCKET) there is
// nobody to tell, which is no error.
Result<> notify_systemd(std::string_view state);

}  // namespace muster::musterd
