// What PostgreSQL's errors mean: to whom they are told, and to the transaction that met one.
#pragma once

#include <libpq-fe.h>

#include <string>
#include <string_view>

#include "base/error.h"

namespace muster::store {

struct PostgresFailure {
    enum class Meaning {
        refused,  // the statement could not be done; the transaction has failed with it
        again,    // others were in the way (SQLSTATE 40001, 40P01): the same transaction may be run again
        taken,    // a unique key (23505): others may have been in the way here, too
        lost,     // the connection is of no more use
        unsure,   // it was committed, but not everywhere that it was to be
    };
    Meaning meaning;
    Error error;
    bool of_server = false;  // it lacks room or memory, or cannot use its files: its operator is to be told
};

// "cannot read the database muster at db.example: ..."; `result` may be null: then the connection has failed.
PostgresFailure postgres_failure(PGconn* connection, const PGresult* result, std::string_view doing);

// A commit that the server warned of: what it said, with what mends it.
PostgresFailure postgres_half_commit(PGconn* connection, std::string_view warning);

// What mends a connection that was there and is gone.
inline constexpr std::string_view lost_connection_hint =
    "PostgreSQL's log says why, if it has ended; see that its machine can be reached";

// A connection that could not be made, with what mends it.
Error postgres_refusal(PGconn* connection);

// "muster at db.example", for messages; never the password.
std::string database_name(PGconn* connection);

// Messages of libpq end with a line feed, and some have several lines.
std::string on_one_line(const char* message);

}  // namespace muster::store
