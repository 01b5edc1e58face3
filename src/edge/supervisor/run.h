// `aziotd run`: the device's services in the foreground, for containers, tests and systems without systemd.
#pragma once

#include "edge/common/paths.h"

namespace muster::edge::supervisor {

// Until SIGTERM or SIGINT; the exit code. SIGHUP looks for new configuration.
int run(const Paths& paths);

}  // namespace muster::edge::supervisor
