// aziot-certd: keeps the device's certificates and issues those that the device makes itself.
#pragma once

#include "edge/common/paths.h"

namespace muster::edge::certd {

// Runs until SIGTERM, then ends the process; returns the exit code only when it cannot start.
int run_daemon(const Paths& paths);

}  // namespace muster::edge::certd
