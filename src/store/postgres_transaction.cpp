#include "store/postgres_transaction.h"

namespace muster::store {
namespace {

using Meaning = PostgresFailure::Meaning;
using Next = PostgresAttempt::Next;

Result<> timed_commit(PostgresConnection& connection, std::string_view sender, PostgresCounts& counts) {
    const auto began = std::chrono::steady_clock::now();
    auto committed = connection.commit(sender);
    counts.commit_nanoseconds += static_cast<std::uint64_t>((std::chrono::steady_clock::now() - began).count());
    if (committed) ++counts.commits;
    return committed;
}

// The statement that failed says what became of the transaction; what the work has made of its error does not.
PostgresAttempt after_failure(const PostgresFailure& failure, Result<> result) {
    Result<> answer = result ? Result<>(std::unexpected(failure.error)) : std::move(result);
    switch (failure.meaning) {
        case Meaning::again: return {Next::again, std::move(answer)};
        case Meaning::taken: return {Next::again_once, std::move(answer)};
        case Meaning::lost: return {Next::reconnect, std::move(answer)};
        case Meaning::refused:
        case Meaning::unsure: break;
    }
    return {Next::answer, std::move(answer)};
}

}  // namespace

PostgresAttempt attempt(PostgresConnection& connection, Driver::Work& work, std::string_view how,
                        std::string_view sender, PostgresCounts& counts) {
    connection.begin(how);
    auto result = run_guarded(work, connection);
    if (!result || connection.failure()) {
        connection.roll_back();
        if (!connection.failure()) return {Next::answer, std::move(result)};
        return after_failure(*connection.failure(), std::move(result));
    }
    if (timed_commit(connection, sender, counts)) return {Next::answer, {}};
    const auto failure = *connection.failure();
    connection.roll_back();
    // The commit may have been done all the same: run again it might be done twice.
    if (failure.meaning == Meaning::lost || failure.meaning == Meaning::unsure)
        return {Next::answer,
                fail(failure.error.wrap(Errc::unavailable, "it is not known whether a transaction was committed")),
                connection.announced()};
    return after_failure(failure, {});
}

}  // namespace muster::store
