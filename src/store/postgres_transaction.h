// One work in one transaction of PostgreSQL, run again when others were in its way.
#pragma once

#include <atomic>
#include <vector>

#include "store/driver.h"
#include "store/postgres_connection.h"

namespace muster::store {

struct PostgresCounts {
    std::atomic<std::uint64_t> transactions{0};
    std::atomic<std::uint64_t> commits{0};
    std::atomic<std::uint64_t> commit_nanoseconds{0};
    std::atomic<std::uint64_t> retries{0};
};

inline constexpr std::string_view begin_serializable = "BEGIN ISOLATION LEVEL SERIALIZABLE";
inline constexpr std::string_view begin_snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
// Each statement sees what is committed by then: for those that wait for a lock first.
inline constexpr std::string_view begin_read_committed = "BEGIN ISOLATION LEVEL READ COMMITTED";

struct PostgresAttempt {
    enum class Next {
        answer,
        again,       // others were in the way; nothing has been done
        again_once,  // a unique key was taken, maybe by one who was in the way
        reconnect,   // the connection was lost before the commit: nothing has been done
    };
    Next next;
    Result<> result;
    // What was announced, if it is not known whether the transaction was committed.
    std::vector<Topic> uncertain = {};
};

// `how` is one of those above; announcements go out in the name of `sender`.
PostgresAttempt attempt(PostgresConnection& connection, Driver::Work& work, std::string_view how,
                        std::string_view sender, PostgresCounts& counts);

}  // namespace muster::store
