// The outbox: what a committed transaction still wants done elsewhere, at another hub or by a webhook. An entry is
// written in the transaction that needs it, done after it, and taken out by the transaction that settles it; so it
// survives a crash between the two and is done at least once.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/session.h"

namespace muster::store {

struct OutboxRecord {
    std::string key;    // what it is about: a newer entry about the same replaces it
    std::string id;     // a guid: tells this entry from one that replaced it
    std::string queue;  // those of one queue wait for the same peer
    std::string body;   // JSON
    std::int64_t attempts = 0;
    TimePoint due{};  // not before
    TimePoint created{};
};

class OutboxTable {
public:
    explicit OutboxTable(Session& session) : session_(session) {}
    Result<std::optional<OutboxRecord>> find(std::string_view key);
    // Inserts or replaces.
    Result<> put(const OutboxRecord& record);
    Result<bool> erase(std::string_view key);
    // Those that are due, the longest waiting first.
    Result<std::vector<OutboxRecord>> due(std::string_view queue, TimePoint now, std::size_t limit);
    // Assignments that began to wait before then, due or not, the longest waiting first.
    Result<std::vector<OutboxRecord>> assignments_before(std::string_view queue, TimePoint created, std::size_t limit);
    // When the next of a queue is due; nothing when it is empty.
    Result<std::optional<TimePoint>> next_due(std::string_view queue);
    Result<std::vector<std::string>> queues();
    // Tells other musterds on this database, if there is anything in it, that it is theirs to work on.
    Result<> leave_to_others();
    // How many wait, counted up to `limit`.
    Result<std::int64_t> count(std::string_view queue, std::size_t limit);

private:
    Session& session_;
};

}  // namespace muster::store
