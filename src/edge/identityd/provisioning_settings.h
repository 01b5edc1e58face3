// The table [provisioning] of identityd's settings. Internal to this room.
#pragma once

#include "edge/identityd/settings.h"

namespace muster::edge::identityd {

// Fills in source, gateway, credential, dps or manual, and the authorities that they name.
Result<> read_provisioning(const json::object& settings, Settings& out);

}  // namespace muster::edge::identityd
