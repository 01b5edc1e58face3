// Statements to a PostgreSQL server and what it answers, a round trip at a time: libpq in pipeline mode, without
// blocking. Knows nothing of transactions.
//
// Whatever is waited for has a deadline and ends at once when the driver closes. After either, and after a failure of
// the connection, it is lost: nobody knows what the server still does.
#pragma once

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/owner.h"
#include "store/postgres_result.h"
#include "store/session.h"
#include "store/stop_signal.h"

namespace muster::store {

using PostgresHandle = std::unique_ptr<PGconn, Freer<PQfinish>>;

class PostgresPipe {
public:
    // `deadline`: of a round trip. `interrupted` must outlive it.
    PostgresPipe(PostgresHandle handle, std::chrono::milliseconds deadline, const StopSignal& interrupted);

    // A statement of the next round trip. It is prepared on the way when it is new, and from then on known by its SQL.
    void add(std::string_view sql, std::initializer_list<Value> parameters);
    // The results of what was added, in that order; after one that failed (PGRES_FATAL_ERROR) come none.
    // Errc::unavailable when the connection is lost.
    Result<std::vector<PostgresResult>> exchange();
    // No round trip goes on beyond that: it is lost then, as after its own deadline. Nothing: no such end.
    void end_by(std::optional<std::chrono::steady_clock::time_point> time) { end_ = time; }
    bool is_over() const { return end_ && Clock::now() >= *end_; }

    // Several statements without parameters, in libpq's simple protocol; the results likewise.
    Result<std::vector<PostgresResult>> script(const std::string& sql);
    // Waits at most so long for what other connections notify of; `each` gets what they say. Errc::unavailable when the
    // connection is lost or `ended` was raised.
    Result<> wait_for_notifications(std::chrono::milliseconds time, const StopSignal& ended,
                                    const std::function<void(std::string_view)>& each);

    bool lost() const { return lost_; }
    PGconn* get() const { return handle_.get(); }

private:
    using Clock = std::chrono::steady_clock;
    struct Command {
        std::string prepares;  // the SQL; empty for an execution
        std::string name;
    };
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };

    Clock::time_point deadline() const {
        const auto own = Clock::now() + deadline_;
        return end_ ? std::min(own, *end_) : own;
    }
    std::string prepare(std::string_view sql);
    void send(const std::string& name, std::initializer_list<Value> parameters);
    Result<> flush(Clock::time_point until);
    Result<std::vector<PostgresResult>> receive(Clock::time_point until);
    Result<PostgresResult> next_result(Clock::time_point until);
    std::vector<PostgresResult> sort(std::vector<PostgresResult> results);
    Result<> wait(short events, Clock::time_point until);
    std::unexpected<Error> lose(std::string_view why);

    PostgresHandle handle_;
    std::chrono::milliseconds deadline_;
    std::optional<Clock::time_point> end_;
    const StopSignal& interrupted_;
    std::unordered_map<std::string, std::string, TextHash, std::equal_to<>> prepared_;  // names by SQL
    std::size_t names_ = 0;
    std::vector<Command> commands_;  // of the round trip that is being put together
    bool lost_ = false;
};

}  // namespace muster::store
