// The schema and its versions: a database is brought forward step by step, each step in a transaction of its own.
#pragma once

#include "store/driver.h"

namespace muster::store {

// Errc::unsupported when the database was written by a later version of Muster.
Result<> migrate(Driver& driver);
// The same of a database that is in use: another musterd on it may be a later one. `own_schema` is the driver's.
Result<> check_known(Session& session, std::span<const std::string_view> own_schema);

}  // namespace muster::store
