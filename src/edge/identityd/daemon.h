// aziot-identityd: the device's identity, from DPS, and its modules' identities, on the hub.
#pragma once

#include "edge/common/paths.h"

namespace muster::edge::identityd {

// Runs until SIGTERM; the exit code. A service that cannot be reached is no reason to end.
int run_daemon(const Paths& paths);

}  // namespace muster::edge::identityd
