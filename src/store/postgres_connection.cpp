#include "store/postgres_connection.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "store/postgres_announcement.h"
#include "store/postgres_connect.h"
#include "store/postgres_dialect.h"
#include "store/postgres_row.h"

namespace muster::store {
namespace {

// The types that PostgresRow reads (pg_type.dat): bool, bytea, int8, int2, int4, text, and void, which has no bytes. A
// sum of BIGINT, say, is a numeric, and its bytes are no integer's.
constexpr std::array<Oid, 7> readable_types{16, 17, 20, 21, 23, 25, 2278};

Result<> check_types(const PGresult* result, std::string_view sql) {
    for (int column = 0; column < PQnfields(result); ++column)
        if (std::ranges::find(readable_types, PQftype(result, column)) == readable_types.end())
            return fail(Errc::internal, "column {} is of a type that is not read ({}), in: {}", column,
                        PQftype(result, column), sql);
    return {};
}

Error overdue(std::chrono::milliseconds deadline) {
    return Error(Errc::unavailable, fmt::format("a transaction took longer than {} ms", deadline.count()))
        .with_hint("look for what holds it up in pg_stat_activity and pg_locks");
}

}  // namespace

void PostgresConnection::hear(void* self, const PGresult* notice) {
    const auto field = [&](int code) {
        const auto* text = PQresultErrorField(notice, code);
        return std::string(text != nullptr ? text : "");
    };
    const auto said = field(PG_DIAG_MESSAGE_PRIMARY);
    log::debug("the database says", {{"notice", said}});
    if (field(PG_DIAG_SEVERITY_NONLOCALIZED) == "WARNING") static_cast<PostgresConnection*>(self)->warning_ = said;
}

Result<std::unique_ptr<PostgresConnection>> PostgresConnection::open(const PostgresSettings& settings, Use use,
                                                                     const StopSignal& interrupted) {
    MUSTER_TRY(auto handle, connect_postgres(settings, interrupted));
    std::unique_ptr<PostgresConnection> connection(new PostgresConnection(std::move(handle), settings, interrupted));
    MUSTER_CHECK(connection->set_up(settings, use));
    return connection;
}

Result<> PostgresConnection::set_up(const PostgresSettings& settings, Use use) {
    // A commit that was answered is on the disk; remote_write and the like stay as the operator has set them. The
    // statements are short, compiling them takes longer than running them.
    auto sql = fmt::format(
        "SET statement_timeout = {0}; SET idle_in_transaction_session_timeout = {0}; SET jit = off; "
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';",
        settings.statement_deadline.count());
    // A serializable transaction that reads a whole table conflicts with all that is written to it; by an index, with
    // what it has looked at.
    if (use == Use::writing) sql += " SET enable_seqscan = off;";
    MUSTER_CHECK(last_of(pipe_.script(sql), "set up a connection to"));
    return {};
}

std::unexpected<Error> PostgresConnection::note(PostgresFailure failure) {
    failure_ = std::move(failure);
    return std::unexpected(failure_->error);
}

Result<PostgresResult> PostgresConnection::last_of(Result<std::vector<PostgresResult>> results,
                                                   std::string_view doing) {
    // Run again it would take as long.
    if (!results && pipe_.is_over())
        return note({.meaning = PostgresFailure::Meaning::refused, .error = overdue(transaction_deadline_)});
    if (!results) return note({.meaning = PostgresFailure::Meaning::lost, .error = std::move(results).error()});
    if (results->empty())
        return note({.meaning = PostgresFailure::Meaning::refused,
                     .error = Error(Errc::internal, "the database answered nothing to a statement")});
    auto last = std::move(results->back());
    const auto status = PQresultStatus(last.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        return note(postgres_failure(pipe_.get(), last.get(), doing));
    return last;
}

// Nothing more is asked in a transaction whose time is over.
Result<> PostgresConnection::check_time() {
    if (!pipe_.is_over()) return {};
    return note({.meaning = PostgresFailure::Meaning::refused, .error = overdue(transaction_deadline_)});
}

Result<PostgresResult> PostgresConnection::run(std::string_view sql, std::initializer_list<Value> parameters,
                                               std::string_view doing) {
    if (failure_) return std::unexpected(failure_->error);
    MUSTER_CHECK(check_time());
    if (!begin_.empty()) {
        pipe_.add(begin_, {});
        begin_ = {};
        begun_ = true;
    }
    pipe_.add(sql, parameters);
    return last_of(pipe_.exchange(), doing);
}

Result<> PostgresConnection::query(std::string_view sql, std::initializer_list<Value> parameters,
                                   const std::function<void(const Row&)>& each) {
    MUSTER_TRY(const auto result, run(sql, parameters, "read"));
    MUSTER_CHECK(check_types(result.get(), sql));
    for (int row = 0; row < PQntuples(result.get()); ++row) each(PostgresRow(result.get(), row));
    return {};
}

Result<std::int64_t> PostgresConnection::execute(std::string_view sql, std::initializer_list<Value> parameters) {
    MUSTER_TRY(const auto result, run(sql, parameters, "write"));
    return parse_integer<std::int64_t>(PQcmdTuples(result.get())).value_or(0);
}

Result<> PostgresConnection::script(std::string_view sql) {
    if (failure_) return std::unexpected(failure_->error);
    MUSTER_CHECK(check_time());
    std::string text;
    if (!begin_.empty()) {
        text = fmt::format("{};", begin_);
        begin_ = {};
        begun_ = true;
    }
    text += postgres_dialect(sql);
    MUSTER_CHECK(last_of(pipe_.script(text), "set up"));
    return {};
}

Result<> PostgresConnection::announce(Topic topic) {
    announced_ |= 1U << static_cast<unsigned>(topic);
    return {};
}

void PostgresConnection::begin(std::string_view how) {
    begin_ = how;
    begun_ = false;
    failure_.reset();
    announced_ = 0;
    pipe_.end_by(std::chrono::steady_clock::now() + transaction_deadline_);
}

std::vector<Topic> PostgresConnection::announced() const {
    std::vector<Topic> topics;
    for (const auto topic : all_topics)
        if ((announced_ & 1U << static_cast<unsigned>(topic)) != 0) topics.push_back(topic);
    return topics;
}

Result<> PostgresConnection::announce_all(std::string_view sender) {
    for (const auto topic : announced())
        MUSTER_CHECK(run("SELECT pg_notify($1, $2)", {announcement_channel, announcement(sender, topic)}, "tell"));
    return {};
}

Result<> PostgresConnection::commit(std::string_view sender) {
    MUSTER_CHECK(announce_all(sender));
    if (failure_) return std::unexpected(failure_->error);
    MUSTER_CHECK(check_time());
    pipe_.end_by(std::nullopt);
    begin_ = {};
    if (!begun_) return {};
    warning_.clear();
    MUSTER_TRY(const auto result, run("COMMIT", {}, "commit to"));
    begun_ = false;
    // A standby that it waited for may not have it: what is answered as done might be lost with the server.
    if (!warning_.empty()) return note(postgres_half_commit(pipe_.get(), warning_));
    // To COMMIT of a transaction that has failed the server says ROLLBACK, and means no error by it.
    if (std::string_view(PQcmdStatus(result.get())) != "COMMIT")
        return note(
            {.meaning = PostgresFailure::Meaning::refused,
             .error = Error(Errc::internal, "the database rolled a transaction back that was to be committed")});
    return {};
}

void PostgresConnection::roll_back() {
    pipe_.end_by(std::nullopt);
    begin_ = {};
    if (!begun_ || lost()) return;
    begun_ = false;
    pipe_.add("ROLLBACK", {});
    // What became of the transaction is known; what fails here is the connection, and it is made anew.
    static_cast<void>(pipe_.exchange());
}

}  // namespace muster::store
