#include "store/journal.h"

namespace muster::store {
namespace {

#define MUSTER_JOURNAL_COLUMNS "id, time, type, subject, actor, peer, tracking_id, detail"

JournalEntry read(const Row& row) {
    return {.id = row.integer(0),
            .time = row.time(1),
            .type = row.string(2),
            .subject = row.string(3),
            .actor = row.string(4),
            .peer = row.string(5),
            .tracking_id = row.string(6),
            .detail = row.string(7)};
}

}  // namespace

Result<> JournalTable::append(const JournalEntry& entry) {
    // One writer at a time: the next id is the one after the last. Among several the ids come later
    // (store/postgres_journal.h).
    static constexpr std::string_view at_once =
        "INSERT INTO journal (" MUSTER_JOURNAL_COLUMNS
        ") VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM journal), $1, $2, $3, $4, $5, $6, $7)";
    static constexpr std::string_view later =
        "INSERT INTO journal_pending (time, type, subject, actor, peer, tracking_id, detail) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)";
    MUSTER_CHECK(session_.execute(
        session_.is_shared() ? later : at_once,
        {entry.time, entry.type, entry.subject, entry.actor, entry.peer, entry.tracking_id, entry.detail}));
    appended_ = true;
    return {};
}

Result<> JournalTable::change(const Origin& by, TimePoint now, std::string_view type, std::string_view subject,
                              const json::object& detail) {
    return append({.time = now,
                   .type = std::string(type),
                   .subject = std::string(subject),
                   .actor = by.actor,
                   .peer = by.peer,
                   .tracking_id = by.tracking_id,
                   .detail = detail.empty() ? std::string() : json::serialize(detail)});
}

Result<std::vector<JournalEntry>> JournalTable::after(std::int64_t id, std::size_t limit) {
    std::vector<JournalEntry> entries;
    MUSTER_CHECK(session_.query("SELECT " MUSTER_JOURNAL_COLUMNS " FROM journal WHERE id > $1 ORDER BY id LIMIT $2",
                                {id, static_cast<std::int64_t>(limit)},
                                [&](const Row& row) { entries.push_back(read(row)); }));
    return entries;
}

Result<std::vector<JournalEntry>> JournalTable::changes_before(std::int64_t id, std::size_t limit) {
    std::vector<JournalEntry> entries;
    MUSTER_CHECK(session_.query(
        "SELECT " MUSTER_JOURNAL_COLUMNS " FROM journal WHERE actor <> '' AND id < $1 ORDER BY id DESC LIMIT $2",
        {id, static_cast<std::int64_t>(limit)}, [&](const Row& row) { entries.push_back(read(row)); }));
    return entries;
}

Result<std::int64_t> JournalTable::newest() {
    std::int64_t id = 0;
    MUSTER_CHECK(
        session_.query("SELECT COALESCE(MAX(id), 0) FROM journal", {}, [&](const Row& row) { id = row.integer(0); }));
    return id;
}

Result<std::int64_t> JournalTable::oldest() {
    std::int64_t id = 0;
    MUSTER_CHECK(
        session_.query("SELECT COALESCE(MIN(id), 0) FROM journal", {}, [&](const Row& row) { id = row.integer(0); }));
    return id;
}

Result<std::optional<JournalEntry>> JournalTable::at_or_after(std::int64_t id) {
    MUSTER_TRY(auto entries, after(id - 1, 1));
    if (entries.empty()) return std::nullopt;
    return std::move(entries.front());
}

// Times follow the ids as long as the clock runs forward: found by halves, without an index that every registration
// would have to pay for.
Result<std::optional<std::int64_t>> JournalTable::first_since(TimePoint time) {
    MUSTER_TRY(auto low, oldest());
    MUSTER_TRY(const auto last, newest());
    auto high = last + 1;
    while (low < high) {
        const auto middle = low + (high - low) / 2;
        MUSTER_TRY(const auto entry, at_or_after(middle));
        if (!entry || entry->time >= time) {
            high = middle;
        } else {
            low = entry->id + 1;
        }
    }
    MUSTER_TRY(const auto found, at_or_after(low));
    if (!found) return std::nullopt;
    return found->id;
}

Result<std::int64_t> JournalTable::erase_before(std::int64_t id, bool changes, std::size_t limit) {
    const auto most = static_cast<std::int64_t>(limit);
    if (changes)
        return session_.execute(
            "DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE actor <> '' AND id < $1 ORDER BY id LIMIT "
            "$2)",
            {id, most});
    return session_.execute(
        "DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE actor = '' AND id < $1 ORDER BY id LIMIT $2)",
        {id, most});
}

#undef MUSTER_JOURNAL_COLUMNS

Result<std::optional<std::int64_t>> MarkTable::find(std::string_view name) {
    std::optional<std::int64_t> value;
    MUSTER_CHECK(session_.query("SELECT value FROM mark WHERE name = $1", {name},
                                [&](const Row& row) { value = row.integer(0); }));
    return value;
}

Result<> MarkTable::put(std::string_view name, std::int64_t value) {
    MUSTER_CHECK(
        session_.execute("INSERT INTO mark (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET "
                         "value = excluded.value",
                         {name, value}));
    return {};
}

Result<std::int64_t> MarkTable::erase_below(std::string_view beginning, std::int64_t value) {
    return session_.execute("DELETE FROM mark WHERE substr(name, 1, length($1)) = $1 AND value < $2",
                            {beginning, value});
}

}  // namespace muster::store
