// Revocation lists that are fetched by themselves: in time, one after the other, the last good one kept.
//
// A list is asked for again after its interval, and sooner when it nears its end: after half of what is left of it. One
// that cannot be had, is not signed by the same CA, is older than the one that is here or has ended is asked for again
// after a minute, then after twice that, up to its interval; what is here is used on (and lets nobody in once it has
// ended, where the group wants it so). "revocationList.fetched" in the journal tells of a list that is another one, or
// that came after failures; "revocationList.fetchFailed" of the first failure.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <map>
#include <set>

#include "base/clock.h"
#include "base/random.h"
#include "base/task.h"
#include "provisioning/crl_fetcher.h"
#include "provisioning/crl_rules.h"
#include "provisioning/groups.h"
#include "store/store.h"

namespace muster::provisioning {

inline constexpr std::chrono::seconds shortest_crl_interval{5};
inline constexpr std::chrono::seconds longest_crl_interval{604'800};

// When a list that was just fetched is to be fetched again.
TimePoint next_crl_fetch(const pki::RevocationList& list, std::chrono::seconds interval, TimePoint now);

class CrlRefresh {
public:
    CrlRefresh(store::Store& store, Groups& groups, CrlFetcher& fetcher, const Clock& clock, Random& random,
               boost::asio::any_io_executor executor);

    // For as long as the executor's loop runs; a few at a time, since a server may hang.
    void start();
    // Another list is to be fetched. From any thread.
    void wake();
    // Fetches the one that is due for longest and settles it; false when none is due. On the executor's thread.
    Task<bool> refresh_next();

private:
    Task<> lane();
    Task<std::chrono::milliseconds> until_next();
    Task<std::optional<store::GroupCrlRecord>> take();
    // What was fetched; with its issuer when it is another list than before and may be taken.
    struct Fetched {
        Result<pki::RevocationList> list;
        std::optional<ListIssuer> issuer;
    };
    struct Settled {
        bool changed = false;       // the list in force is another one now
        bool news = false;          // for the log
        std::int64_t failures = 0;  // after this one; 0 when it was none
        std::string problem = {};
    };
    // Of records without their lists. False when the outcome cannot be stored.
    Task<bool> refresh(const store::GroupCrlRecord& head);
    Task<Result<>> judge(const store::GroupCrlRecord& head, Fetched& fetched);
    bool is_put_off(const store::CrlKey& key);
    Result<Settled> settle(store::Tx& tx, const store::GroupCrlRecord& asked, const Fetched& fetched);
    Result<Settled> accept(store::Tx& tx, store::GroupCrlRecord record, const pki::RevocationList& list, bool changed);
    Result<Settled> note_failure(store::Tx& tx, store::GroupCrlRecord record, const Error& error);
    static void tell(const store::GroupCrlRecord& head, const Fetched& fetched, const Settled& settled);

    store::Store& store_;
    Groups& groups_;
    CrlFetcher& fetcher_;
    const Clock& clock_;
    Random& random_;
    boost::asio::any_io_executor executor_;
    // Of the executor's thread alone:
    std::set<store::CrlKey> busy_;
    std::map<store::CrlKey, TimePoint> put_off_;  // due by what is stored, and not before this: a full disk
    std::set<boost::asio::steady_timer*> waiting_;
    std::uint64_t wakes_ = 0;
};

}  // namespace muster::provisioning
