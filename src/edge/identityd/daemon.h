// aziot-identityd: the device's identity, from DPS, and its modules' identities, on the hub.
#pragma once

#include "edge/common/paths.h"

namespace muster::edge::identityd {

// Runs until SIGTERM, then ends the process; returns the exit code only when it cannot start. A service that cannot be
// reached is no reason to end.
int run_daemon(const Paths& paths);

}  // namespace muster::edge::identityd
