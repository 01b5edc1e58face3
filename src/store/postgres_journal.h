// The journal under many writers.
//
// The next id cannot be given to an entry while others write theirs: of two that are under way the later one may be
// committed first, and a reader would go past the other. So transactions leave their entries in `journal_pending`, and
// a sequencer moves what is committed into `journal`, with consecutive ids: any musterd's, one at a time, by the lock
// on the row that remembers the last id given. As that one is remembered, none is given twice, whatever is erased.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <span>
#include <string_view>

#include "store/postgres_link.h"

namespace muster::store {

// Driver::own_schema.
std::span<const std::string_view> postgres_schema();

class JournalSequencer {
public:
    // Entries have been committed.
    void wake();
    // Ends `run`, together with the closing of the driver.
    void close();
    // On the calling thread, from the first `wake` until it is closed. `told` is called when entries got their ids;
    // other musterds hear of it by Topic::journal. What was left by a musterd that died is found at the start and every
    // few seconds.
    void run(PostgresLink& link, const std::function<void()>& told);

private:
    bool wait_for_first();
    bool wait();

    std::mutex mutex_;
    std::condition_variable changed_;
    bool woken_ = false;
    bool closed_ = false;
};

}  // namespace muster::store
