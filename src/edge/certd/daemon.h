// aziot-certd: keeps the device's certificates and issues those that the device makes itself.
#pragma once

#include "edge/common/paths.h"

namespace muster::edge::certd {

// Runs until SIGTERM; the exit code.
int run_daemon(const Paths& paths);

}  // namespace muster::edge::certd
