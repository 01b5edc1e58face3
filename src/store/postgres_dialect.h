// The schema as PostgreSQL needs it.
#pragma once

#include <string>
#include <string_view>

namespace muster::store {

// Turns statements of store/schema.cpp into PostgreSQL's: texts are ordered by their bytes, as SQLite does, whatever
// the locale of the database (TEXT COLLATE "C"), and INTEGER, which in SQLite has 64 bits, is BIGINT.
std::string postgres_dialect(std::string_view sql);

}  // namespace muster::store
