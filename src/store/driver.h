// What a database has to offer the store: transactions, run elsewhere than on a reactor.
#pragma once

#include <functional>

#include "store/session.h"

namespace muster::store {

struct DriverStatistics {
    std::uint64_t transactions;        // asked for
    std::uint64_t commits;             // done; each is one fsync for all that waited
    std::uint64_t queued;              // waiting now
    std::uint64_t commit_nanoseconds;  // spent in commits
};

class Driver {
public:
    // Runs inside one transaction; an error rolls it back. It may be run again (PostgreSQL: serialization failures), so
    // it has no effect outside the session but on its own result.
    using Work = std::move_only_function<Result<>(Session&)>;
    // Called once, on a thread of the driver, after the transaction is durable or has failed.
    using Done = std::move_only_function<void(Result<>)>;

    virtual ~Driver() = default;
    virtual void write(Work work, Done done) = 0;
    virtual void read(Work work, Done done) = 0;
    // Like write, but on the calling thread, before the first request: schema and start-up.
    virtual Result<> write_now(Work work) = 0;
    virtual DriverStatistics statistics() const = 0;
    // `told` is called on a thread of the driver for what another musterd on this database announced; for every topic
    // after a time in which nothing could be heard. Before the first request. A database of one's own tells nothing.
    virtual void on_announcement(std::function<void(Topic)>) {}
    // Whether other musterds may be on this database.
    virtual bool is_shared() const { return false; }
};

}  // namespace muster::store
