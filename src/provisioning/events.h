// What happened, for those who watch: the journal read onwards from a place, page by page, and waited for at its end.
// And backwards, changes alone: the audit trail.
#pragma once

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/task.h"
#include "store/store.h"

namespace muster::provisioning {

inline constexpr std::size_t max_events_page = 1000;
inline constexpr std::chrono::seconds max_events_wait{60};

// "registration" stands for all types "registration.*"; compared without case.
bool is_of_type(std::string_view type, std::string_view wanted);
// Every type that an entry of the journal may have.
std::span<const std::string_view> event_types();
// Refuses what no type is meant by (Errc::invalid_argument): a filter that is mistyped would wait for ever.
Result<> check_event_types(const std::vector<std::string>& wanted);

struct EventRequest {
    std::optional<std::int64_t> after;  // the place that the page before gave
    std::optional<TimePoint> since;     // otherwise: the first that is not older
    std::size_t last = 0;               // otherwise: so many of the newest
    std::vector<std::string> types;     // none: all
    std::size_t limit = 100;            // cut to max_events_page
    std::chrono::seconds wait{0};       // for the first event when there is none yet; cut to max_events_wait
    // Which types the caller may see.
    std::function<bool(std::string_view type)> may_see;
};

struct EventPage {
    json::array events;
    std::int64_t next = 0;  // the place to go on from
    bool more = false;      // there are later ones already
    bool gap = false;       // entries between `after` and this page have been removed (retention)
};

struct AuditRequest {
    std::optional<std::int64_t> before;  // the place that the page before gave
    std::optional<TimePoint> since;      // none that are older
    std::string actor;                   // empty: all
    std::string subject;                 // empty: all; compared without case
    std::vector<std::string> types;
    std::size_t limit = 100;
};

struct AuditPage {
    json::array changes;               // newest first
    std::optional<std::int64_t> next;  // nothing on the last page
};

class Events {
public:
    explicit Events(store::Store& store) : store_(store) {}

    // Errc::throttled when too many are waiting already.
    Task<Result<EventPage>> read(EventRequest request);
    Task<Result<AuditPage>> audit(AuditRequest request);
    // A change that is kept elsewhere than in the store, in a transaction of its own.
    Task<Result<>> record(store::Origin by, TimePoint now, std::string_view type, std::string subject,
                          json::object detail);
    // Entries have been committed: those who wait look again. Safe from any thread; costs nothing when nobody waits.
    void wake();
    // Sends home who waits, now and from now on: the service ends.
    void stop();
    std::size_t waiting() const { return watch_->readers; }

private:
    using Timer = boost::asio::steady_timer;
    // Held by those who wait, too: they may go after the service.
    struct Watch {
        std::atomic<std::uint64_t> generation{0};
        std::atomic<std::size_t> readers{0};
        std::atomic<bool> ends = false;
        std::mutex mutex;
        std::list<std::shared_ptr<Timer>> timers;
    };
    class Reader;
    // Until the generation is no longer `seen`, or the time is over.
    static Task<> wait_for_news(Watch& watch, std::uint64_t seen, std::chrono::steady_clock::time_point until);

    store::Store& store_;
    std::shared_ptr<Watch> watch_ = std::make_shared<Watch>();
};

// Mark under which the retention leaves how far it has removed.
inline constexpr std::string_view erased_events_mark = "journal.events-erased-before";

json::object event_to_json(const store::JournalEntry& entry);
// The names of the top-level members in which two JSON objects differ.
json::array changed_members(std::string_view before, std::string_view after);

}  // namespace muster::provisioning
