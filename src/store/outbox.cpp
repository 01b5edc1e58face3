#include "store/outbox.h"

namespace muster::store {
namespace {

#define MUSTER_OUTBOX_COLUMNS "task_key, id, queue, body, attempts, due, created"

OutboxRecord read(const Row& row) {
    return {.key = row.string(0),
            .id = row.string(1),
            .queue = row.string(2),
            .body = row.string(3),
            .attempts = row.integer(4),
            .due = row.time(5),
            .created = row.time(6)};
}

}  // namespace

Result<std::optional<OutboxRecord>> OutboxTable::find(std::string_view key) {
    std::optional<OutboxRecord> found;
    MUSTER_CHECK(session_.query("SELECT " MUSTER_OUTBOX_COLUMNS " FROM outbox WHERE task_key = $1", {key},
                                [&](const Row& row) { found = read(row); }));
    return found;
}

Result<> OutboxTable::put(const OutboxRecord& record) {
    MUSTER_CHECK(session_.execute(
        "INSERT INTO outbox (" MUSTER_OUTBOX_COLUMNS
        ") VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (task_key) DO UPDATE SET id = excluded.id, "
        "queue = excluded.queue, body = excluded.body, attempts = excluded.attempts, due = excluded.due, "
        "created = excluded.created",
        {record.key, record.id, record.queue, record.body, record.attempts, record.due, record.created}));
    return {};
}

Result<bool> OutboxTable::erase(std::string_view key) {
    MUSTER_TRY(const auto rows, session_.execute("DELETE FROM outbox WHERE task_key = $1", {key}));
    return rows > 0;
}

Result<std::vector<OutboxRecord>> OutboxTable::due(std::string_view queue, TimePoint now, std::size_t limit) {
    std::vector<OutboxRecord> records;
    MUSTER_CHECK(session_.query(
        "SELECT " MUSTER_OUTBOX_COLUMNS " FROM outbox WHERE queue = $1 AND due <= $2 ORDER BY due LIMIT $3",
        {queue, now, static_cast<std::int64_t>(limit)}, [&](const Row& row) { records.push_back(read(row)); }));
    return records;
}

Result<std::vector<OutboxRecord>> OutboxTable::assignments_before(std::string_view queue, TimePoint created,
                                                                  std::size_t limit) {
    std::vector<OutboxRecord> records;
    MUSTER_CHECK(session_.query("SELECT " MUSTER_OUTBOX_COLUMNS
                                " FROM outbox WHERE queue = $1 AND task_key LIKE 'assign/%' AND created < $2 "
                                "ORDER BY created LIMIT $3",
                                {queue, created, static_cast<std::int64_t>(limit)},
                                [&](const Row& row) { records.push_back(read(row)); }));
    return records;
}

Result<std::optional<TimePoint>> OutboxTable::next_due(std::string_view queue) {
    std::optional<TimePoint> next;
    MUSTER_CHECK(session_.query("SELECT due FROM outbox WHERE queue = $1 ORDER BY due LIMIT 1", {queue},
                                [&](const Row& row) { next = row.time(0); }));
    return next;
}

Result<std::vector<std::string>> OutboxTable::queues() {
    std::vector<std::string> names;
    MUSTER_CHECK(session_.query("SELECT DISTINCT queue FROM outbox ORDER BY queue", {},
                                [&](const Row& row) { names.push_back(row.string(0)); }));
    return names;
}

Result<> OutboxTable::leave_to_others() {
    MUSTER_TRY(const auto left, queues());
    return left.empty() ? Result<>() : session_.announce(Topic::outbox);
}

Result<std::int64_t> OutboxTable::count(std::string_view queue, std::size_t limit) {
    std::int64_t count = 0;
    MUSTER_CHECK(session_.query("SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE queue = $1 LIMIT $2) AS waiting",
                                {queue, static_cast<std::int64_t>(limit)},
                                [&](const Row& row) { count = row.integer(0); }));
    return count;
}

#undef MUSTER_OUTBOX_COLUMNS

}  // namespace muster::store
