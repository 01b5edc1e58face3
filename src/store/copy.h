// All records of one database taken to another: how a service moves from SQLite to PostgreSQL.
#pragma once

#include <cstdint>
#include <functional>

#include "store/driver.h"
#include "store/tx.h"

namespace muster::store {

// Copies table by table from SQLite, whose schema must be the newest, in one transaction of the other, all or nothing;
// `also` belongs to that transaction, and may run again. Returns the number of records. Errc::conflict when the other
// database has any. Nobody may write to the one that is copied. Blocks.
Result<std::int64_t> copy_records(Driver& sqlite, Driver& to, const std::function<Result<>(Tx&)>& also);

}  // namespace muster::store
