// How a musterd reaches the PostgreSQL database that it shares with others.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace muster::store {

struct PostgresSettings {
    static constexpr unsigned usual_connections = 8;
    static constexpr unsigned most_connections = 64;

    // A libpq connection string ("host=db.example dbname=muster user=muster sslmode=verify-full") or URI (PostgreSQL 15
    // documentation, 34.1.1), better without the password. Several hosts are tried in turn; one that can be written to
    // is taken.
    std::string connection;
    // Asked for each connection, on threads of the driver, so that a password may change while musterd runs. Not set:
    // none is needed (peer, certificates), or libpq knows it (the connection string, ~/.pgpass).
    std::function<Result<Secret>()> password;
    // For writing, 1 to most_connections. Four more are for reading, the journal and announcements.
    unsigned connections = usual_connections;

    // What nothing waits longer for: a connection, a statement, a transaction of many, and a job for either.
    std::chrono::milliseconds connect_deadline = std::chrono::seconds(5);
    std::chrono::milliseconds statement_deadline = std::chrono::seconds(30);
    std::chrono::milliseconds transaction_deadline = std::chrono::seconds(45);  // its commit not counted
    std::chrono::milliseconds queue_deadline = std::chrono::seconds(10);
};

// Errc::invalid_argument for what libpq cannot read and for a number of connections that is out of range; connects to
// nothing. For whoever checks a configuration; PostgresDriver::open does it, too.
Result<> check(const PostgresSettings& settings);

}  // namespace muster::store
