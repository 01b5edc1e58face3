#include "store/postgres_journal.h"

#include <array>

#include "base/log.h"
#include "store/postgres_transaction.h"

namespace muster::store {
namespace {

// What is committed meanwhile goes together: announcing serializes commits (NOTIFY), and readers are woken by each.
constexpr std::chrono::milliseconds gathering{50};
constexpr std::chrono::seconds between_looks{5};
constexpr std::chrono::seconds pause_after_failure{1};
constexpr std::int64_t moved_at_once = 2'000;

// Step N brings version N-1 to N. A step that has shipped is never changed; what follows is a new step.
constexpr std::array steps{
    // 1: the journal's entries before they have their ids. The table is emptied as fast as it is filled, so it is
    // vacuumed by rows and not by a share of what is in it.
    std::string_view(R"sql(
CREATE TABLE journal_pending (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    time BIGINT NOT NULL,
    type TEXT NOT NULL,
    subject TEXT NOT NULL,
    actor TEXT NOT NULL,
    peer TEXT NOT NULL,
    tracking_id TEXT NOT NULL,
    detail TEXT NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE TABLE journal_sequence (
    last BIGINT NOT NULL
);
INSERT INTO journal_sequence (last) VALUES (0);
)sql"),
};

// The last id given; whoever reads it so is the only one to give any until the end of the transaction.
Result<std::int64_t> lock_last(Session& session) {
    std::int64_t last = -1;
    MUSTER_CHECK(session.query("SELECT last FROM journal_sequence FOR UPDATE", {},
                               [&](const Row& row) { last = row.integer(0); }));
    if (last < 0) return fail(Errc::internal, "the database does not remember the last id of the journal");
    return last;
}

// In the order in which the entries were written. Ids of a journal that was brought here from elsewhere count, too.
constexpr std::string_view move_pending =
    "WITH moved AS (DELETE FROM journal_pending WHERE id IN (SELECT id FROM journal_pending ORDER BY id LIMIT $1) "
    "RETURNING id, time, type, subject, actor, peer, tracking_id, detail) "
    "INSERT INTO journal (id, time, type, subject, actor, peer, tracking_id, detail) "
    "SELECT GREATEST($2, (SELECT MAX(id) FROM journal)) + row_number() OVER (ORDER BY id), "
    "time, type, subject, actor, peer, tracking_id, detail FROM moved";

// Looked at first, since locking alone is a change to the database.
Result<bool> any_pending(Session& session) {
    bool any = false;
    MUSTER_CHECK(session.query("SELECT 1 FROM journal_pending LIMIT 1", {}, [&](const Row&) { any = true; }));
    return any;
}

Result<std::int64_t> move_committed(Session& session) {
    MUSTER_TRY(const auto any, any_pending(session));
    if (!any) return 0;
    MUSTER_TRY(const auto last, lock_last(session));
    MUSTER_TRY(const auto moved, session.execute(move_pending, {moved_at_once, last}));
    if (moved == 0) return 0;
    MUSTER_CHECK(session.execute("UPDATE journal_sequence SET last = (SELECT MAX(id) FROM journal)", {}));
    MUSTER_CHECK(session.announce(Topic::journal));
    return moved;
}

Result<std::int64_t> move_in_transaction(PostgresConnection& connection, std::string_view sender) {
    std::int64_t moved = 0;
    Driver::Work work = [&](Session& session) -> Result<> {
        MUSTER_TRY(moved, move_committed(session));
        return {};
    };
    PostgresCounts not_counted;
    auto attempted = attempt(connection, work, begin_read_committed, sender, not_counted);
    if (!attempted.result) return std::unexpected(std::move(attempted.result).error());
    return moved;
}

}  // namespace

std::span<const std::string_view> postgres_schema() {
    return steps;
}

void JournalSequencer::wake() {
    {
        const std::lock_guard lock(mutex_);
        woken_ = true;
    }
    changed_.notify_one();
}

void JournalSequencer::close() {
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    changed_.notify_one();
}

// This and the next: false when it was closed.
bool JournalSequencer::wait_for_first() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return woken_ || closed_; });
    return !closed_;
}

bool JournalSequencer::wait() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, between_looks, [&] { return woken_ || closed_; });
    woken_ = false;
    return !closed_;
}

void JournalSequencer::run(PostgresLink& link, const std::function<void()>& told) {
    auto& context = link.context();
    // Before it there may be no schema yet.
    if (!wait_for_first()) return;
    while (wait()) {
        auto* connection = link.get();
        if (connection == nullptr) return;
        const auto moved = move_in_transaction(*connection, context.tag);
        if (!moved) {
            const auto& failure = connection->failure();
            if (connection->lost()) {
                context.note_failure(moved.error());
            } else if (failure && failure->of_server) {
                context.note_refusal(failure->error);
            } else {
                log::warn("entries of the journal wait for their ids", {{"error", moved.error().chain()}});
            }
            context.closing.sleep(pause_after_failure);
            // They may have got them all the same.
            told();
            wake();
        } else if (*moved > 0) {
            told();
            if (*moved == moved_at_once) wake();
            context.closing.sleep(gathering);
        }
    }
}

}  // namespace muster::store
