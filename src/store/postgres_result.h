// What PostgreSQL answered to a statement. Rows may hold keys: their memory is overwritten before it is given back.
#pragma once

#include <libpq-fe.h>

#include <memory>

#include "base/bytes.h"
#include "base/owner.h"

namespace muster::store {

inline void wipe_and_clear(PGresult* result) {
    for (int row = 0; row < PQntuples(result); ++row)
        for (int column = 0; column < PQnfields(result); ++column)
            wipe(PQgetvalue(result, row, column), static_cast<std::size_t>(PQgetlength(result, row, column)));
    PQclear(result);
}

using PostgresResult = std::unique_ptr<PGresult, Freer<wipe_and_clear>>;

}  // namespace muster::store
