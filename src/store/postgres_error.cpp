#include "store/postgres_error.h"

#include "base/text.h"

namespace muster::store {
namespace {

using Meaning = PostgresFailure::Meaning;

// PostgreSQL 15 documentation, appendix A; the first two characters are the class.
Meaning meaning_of(std::string_view state) {
    if (state == "40001" || state == "40P01") return Meaning::again;
    if (state == "23505") return Meaning::taken;
    // A server that goes down, or one that has become a standby: another connection finds the one to write to.
    if (state.empty() || state.starts_with("08") || state.starts_with("57P") || state == "25006") return Meaning::lost;
    return Meaning::refused;
}

// Insufficient resources, and errors of the system (appendix A, classes 53 and 58).
bool is_of_server(std::string_view state) {
    return (state.starts_with("53") && state != "53300") || state.starts_with("58");
}

Errc code_of(std::string_view state) {
    if (state == "23505") return Errc::already_exists;
    // A statement that cannot be right, whatever the state of the server: a defect of ours, or of the schema.
    for (const auto* defect : {"0A", "21", "22", "23", "26", "34", "42"})
        if (state.starts_with(defect) && state != "42501") return Errc::internal;
    return Errc::unavailable;
}

// What mends it; the server's own advice where we know no better.
std::string hint_of(std::string_view state, std::string advice) {
    if (state.empty()) return std::string(lost_connection_hint);
    if (state == "53100") return "free space on the database's file system";
    if (state == "53200" && advice.empty())
        return "give the server's machine more memory, or lower work_mem and max_connections";
    if (state.starts_with("58")) return "look into the server's log: it cannot use its files as it should";
    if (state == "53300") return "raise max_connections of the server, or lower `connections` of each musterd";
    if (state == "57014") return "look for what holds it up in pg_stat_activity and pg_locks";
    if (state == "42501")
        return "let the user own the database: ALTER DATABASE ... OWNER TO ... (PostgreSQL 15 lets nobody else create "
               "tables in it)";
    if (state == "26000" || state == "42P05")
        return "connect to PostgreSQL itself, or to a pooler in session mode: one that pools transactions loses what "
               "is "
               "prepared";
    if (state.starts_with("XX"))
        return "look into the server's log; restore the database from a backup if it is damaged";
    return advice;
}

bool says(std::string_view message, std::string_view what) {
    return message.find(what) != std::string_view::npos;
}

// libpq tells of a failed connection in words alone. Servers that speak another language than English get the general
// advice.
std::string connection_hint(PGconn* connection, std::string_view message) {
    const std::string user = PQuser(connection) != nullptr ? PQuser(connection) : "muster";
    const std::string database = PQdb(connection) != nullptr ? PQdb(connection) : "muster";
    if (PQconnectionNeedsPassword(connection) != 0) return "give the user's password in a file: [store] password_file";
    if (says(message, "password authentication failed"))
        return fmt::format("the password in the file is not the one of the user: \\password {} in psql sets it", user);
    if (says(message, "database \"") && says(message, "does not exist"))
        return fmt::format("createdb --owner {} {}", user, database);
    if (says(message, "role \"") && says(message, "does not exist"))
        return fmt::format("createuser --pwprompt {}", user);
    if (says(message, "pg_hba.conf"))
        return fmt::format("add a line for database {} and user {} to the server's pg_hba.conf, and reload it",
                           database, user);
    if (says(message, "Peer authentication failed") || says(message, "Ident authentication failed"))
        return "the user of the operating system must have the name of the database's user, or connect over TCP with a "
               "password";
    if (says(message, "too many clients") || says(message, "remaining connection slots"))
        return "raise max_connections of the server, or lower `connections` of each musterd";
    if (says(message, "shutting down") || says(message, "starting up")) return "wait until it has started";
    if (says(message, "SSL") || says(message, "certificate"))
        return "check sslmode and sslrootcert of the connection, and ssl of the server";
    return fmt::format(
        "check that PostgreSQL runs there and listens; user and database are made by createuser --pwprompt {} and "
        "createdb --owner {} {}",
        user, user, database);
}

}  // namespace

std::string on_one_line(const char* message) {
    std::string line;
    for (const auto part : split(message != nullptr ? message : "", '\n')) {
        const auto trimmed = trim(part);
        if (trimmed.empty()) continue;
        if (!line.empty()) line += "; ";
        line += trimmed;
    }
    return line;
}

std::string database_name(PGconn* connection) {
    const auto* host = PQhost(connection);
    const auto* database = PQdb(connection);
    return fmt::format("{} at {}", database != nullptr && *database != 0 ? database : "(its user's)",
                       host != nullptr && *host != 0 ? host : "this machine");
}

PostgresFailure postgres_failure(PGconn* connection, const PGresult* result, std::string_view doing) {
    const auto* field = result != nullptr ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
    const std::string state = field != nullptr ? field : "";
    const auto* primary = result != nullptr ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : nullptr;
    const auto message = on_one_line(primary != nullptr ? primary : PQerrorMessage(connection));
    const auto* advice = result != nullptr ? PQresultErrorField(result, PG_DIAG_MESSAGE_HINT) : nullptr;
    auto meaning = meaning_of(state);
    if (PQstatus(connection) == CONNECTION_BAD) meaning = Meaning::lost;
    Error error(code_of(state), fmt::format("cannot {} the database {}: {}{}", doing, database_name(connection),
                                            message, state.empty() ? "" : fmt::format(" (PostgreSQL {})", state)));
    return {.meaning = meaning,
            .error = std::move(error).with_hint(hint_of(state, on_one_line(advice))),
            .of_server = meaning == Meaning::refused && is_of_server(state)};
}

PostgresFailure postgres_half_commit(PGconn* connection, std::string_view warning) {
    return {
        .meaning = Meaning::unsure,
        .error = Error(Errc::unavailable, fmt::format("the database {} says: {}", database_name(connection), warning))
                     .with_hint("see that the standby in synchronous_standby_names answers, or take it out")};
}

Error postgres_refusal(PGconn* connection) {
    const auto message = on_one_line(PQerrorMessage(connection));
    return Error(Errc::unavailable, fmt::format("cannot connect to the database {}: {}", database_name(connection),
                                                message.empty() ? "no answer" : message))
        .with_hint(connection_hint(connection, message));
}

}  // namespace muster::store
