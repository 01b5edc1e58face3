// The journal: what happened, in the order in which it was committed. An entry is written in the transaction of what it
// tells of, so neither is ever there without the other.
//
// Ids grow by one with every entry and are never given twice: who has read up to an id misses nothing by going on from
// there. An entry with an actor is a change that somebody made over an API (the audit trail); one without is something
// that happened (a registration, a certificate nearing its end).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "store/session.h"

namespace muster::store {

// Who asked for a change: a policy by its name, or a device that manages its own modules.
struct Origin {
    std::string actor = "(musterd)";
    std::string peer;  // address and port
    std::string tracking_id;
};

struct JournalEntry {
    std::int64_t id = 0;  // given when it is appended, or, where several musterds write, moments after the commit
    TimePoint time{};
    std::string type;     // "enrollment.created"
    std::string subject;  // the id of what it is about
    std::string actor;    // empty when it is not a change
    std::string peer;
    std::string tracking_id;
    std::string detail;  // a JSON object; empty for {}. Never a secret
};

class JournalTable {
public:
    // `appended` is set when something was.
    JournalTable(Session& session, bool& appended) : session_(session), appended_(appended) {}

    Result<> append(const JournalEntry& entry);
    // A change that somebody made; `detail` is without secrets.
    Result<> change(const Origin& by, TimePoint now, std::string_view type, std::string_view subject,
                    const json::object& detail = {});
    // Those with greater ids, in order.
    Result<std::vector<JournalEntry>> after(std::int64_t id, std::size_t limit);
    // Changes with smaller ids, newest first.
    Result<std::vector<JournalEntry>> changes_before(std::int64_t id, std::size_t limit);
    // 0 when it is empty.
    Result<std::int64_t> newest();
    Result<std::int64_t> oldest();
    // The first entry that is not older than `time`; nothing when all are.
    Result<std::optional<std::int64_t>> first_since(TimePoint time);
    // Removes at most `limit` changes, or at most `limit` of the others, with smaller ids; how many it were.
    Result<std::int64_t> erase_before(std::int64_t id, bool changes, std::size_t limit);

private:
    Result<std::optional<JournalEntry>> at_or_after(std::int64_t id);

    Session& session_;
    bool& appended_;
};

// Numbers that a task remembers from one run to the next, by name.
class MarkTable {
public:
    explicit MarkTable(Session& session) : session_(session) {}
    Result<std::optional<std::int64_t>> find(std::string_view name);
    Result<> put(std::string_view name, std::int64_t value);
    // Those whose names begin so, with smaller values; how many it were.
    Result<std::int64_t> erase_below(std::string_view beginning, std::int64_t value);

private:
    Session& session_;
};

}  // namespace muster::store
