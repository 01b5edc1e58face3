// aziot-tpmd: lets the device's TPM 2.0 speak for it.
#pragma once

#include "edge/common/paths.h"

namespace muster::edge::tpmd {

// Runs until SIGTERM; the exit code.
int run_daemon(const Paths& paths);

}  // namespace muster::edge::tpmd
