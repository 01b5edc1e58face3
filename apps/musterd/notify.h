// Telling systemd how far we are: the protocol of sd_notify(3), which is one datagram.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace muster::musterd {

// `state` is lines of NAME=VALUE: "READY=1", "STOPPING=1". Without a systemd that asked for it (NOTIFY_SOCKET) there is
// nobody to tell, which is no error.
Result<> notify_systemd(std::string_view state);

// The line that has `systemctl status` show the text, which is cut at about 1,000 bytes and put on one line. It is all
// that is shown there while systemd waits to start a unit again: the log of the last try is not.
std::string status_line(std::string_view text);

}  // namespace muster::musterd
