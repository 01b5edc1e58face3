// A new connection to PostgreSQL, with what every one of ours has set.
#pragma once

#include "store/postgres_pipe.h"
#include "store/postgres_settings.h"

namespace muster::store {

// Tries the hosts of the settings in turn: looks the name up and connects to each of its addresses, each step for at
// most `connect_deadline`; `interrupted` ends that at once. Errors: those of PostgresDriver::open.
Result<PostgresHandle> connect_postgres(const PostgresSettings& settings, const StopSignal& interrupted);

}  // namespace muster::store
