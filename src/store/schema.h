// The schema and its versions: a database is brought forward step by step, each step in a transaction of its own.
#pragma once

#include "store/driver.h"

namespace muster::store {

// Errc::unsupported when the database was written by a later version of Muster.
Result<> migrate(Driver& driver);

}  // namespace muster::store
