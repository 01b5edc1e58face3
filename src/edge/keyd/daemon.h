// aziot-keyd: keeps the device's keys and uses them on behalf of others.
#pragma once

#include "edge/common/paths.h"

namespace muster::edge::keyd {

// Runs until SIGTERM; the exit code.
int run_daemon(const Paths& paths);

}  // namespace muster::edge::keyd
