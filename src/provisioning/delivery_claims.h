// What this musterd works on of the outbox, where others are on the same database: of two, one must not still remove a
// device from a hub while the other creates it there anew. Before an entry is worked on, it and the device at the hub
// that it is about are claimed (store/outbox_claims.h).
//
// A claim lasts longer than the longest call to a hub or webhook, and is taken anew before a call that it might not
// outlast. So when it ends, because its musterd died, nothing of that musterd's is under way any more, if the clocks of
// the two differ by less than `clock_difference`.
//
// Where a database has one musterd, nothing is claimed and nothing asked.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "base/random.h"
#include "base/task.h"
#include "store/store.h"

namespace muster::provisioning {

inline constexpr std::chrono::seconds clock_difference{20};

// For one thread.
class DeliveryClaims {
public:
    // The name that it claims under is made for one run: what a run before has claimed is not its own, since a call of
    // that run may still be on its way at a hub.
    DeliveryClaims(store::Store& store, const Clock& clock, Random& random, std::chrono::milliseconds longest_call)
        : store_(store), clock_(clock), owner_(random.guid()), longest_call_(longest_call) {}

    bool needed() const { return store_.is_shared(); }
    // False when another musterd works on the entry or its subject, or the entry is not there any more.
    Task<Result<bool>> take(const store::OutboxRecord& task, const std::string& subject);
    // Before each call to a hub. (A webhook may well be asked twice.) Errc::unavailable when the claim was lost, or
    // cannot be made to last.
    Task<Result<>> before_call(const store::OutboxRecord& task);
    Task<> release(const store::OutboxRecord& task);
    // When this musterd stops, with nothing of it under way but what it cannot wait for: whatever else it has claimed
    // is others' to take up, and they are told so.
    Task<> leave_to_others();
    // Claims that a musterd which died has left behind, long after their end; looked for once in an hour.
    Task<> forget_ended();

private:
    struct Held {
        std::string subject;
        TimePoint until{};
    };
    // So much longer than one call that most entries are done within their first claim.
    TimePoint end_of_claim() const {
        return clock_.now() + longest_call_ + clock_difference + std::chrono::seconds(30);
    }
    Result<bool> claim(store::Tx& tx, const std::string& key, const std::string& subject, TimePoint until) const;

    store::Store& store_;
    const Clock& clock_;
    const std::string owner_;
    const std::chrono::milliseconds longest_call_;
    std::map<std::string, Held> held_;  // by the entry's key
    TimePoint forgotten_{};             // when ended ones were last looked for
};

}  // namespace muster::provisioning
