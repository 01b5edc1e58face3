// What musterd does once when it is told to, instead of serving.
#pragma once

#include <string>

#include "settings.h"

namespace muster::musterd {

// `musterd --copy-to-postgresql`: takes the store of the data directory, and what makes the service the one it is, into
// the empty database of [store], all or nothing; the former store is renamed. What was done, for the operator's
// terminal. Errc::conflict while a musterd runs on the data directory, or when the database is not empty.
Result<std::string> copy_to_postgresql(const Settings& settings);

// `musterd --take-host-name`: the name in the configuration is the service's from now on, for all musterds that share
// its database.
Result<std::string> take_host_name(const Settings& settings);

}  // namespace muster::musterd
