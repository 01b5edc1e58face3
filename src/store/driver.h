// What a database has to offer the store: transactions, run elsewhere than on a reactor.
#pragma once

#include <functional>
#include <span>

#include "store/session.h"

namespace muster::store {

struct DriverStatistics {
    std::uint64_t transactions;        // asked for
    std::uint64_t commits;             // done; SQLite: each is one fsync for all that waited
    std::uint64_t queued;              // waiting now
    std::uint64_t commit_nanoseconds;  // spent in commits
    std::uint64_t retries = 0;         // transactions run again, since others were in their way
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
    // The same while no other musterd on this database does so, each statement seeing what is committed by then: for
    // changes of the schema.
    virtual Result<> write_alone(Work work) { return write_now(std::move(work)); }
    virtual DriverStatistics statistics() const = 0;
    // `told` is called on a thread of the driver for what another musterd on this database announced; for every topic
    // after a time in which nothing could be heard. Before the first request. A database of one's own tells nothing.
    virtual void on_announcement(std::function<void(Topic)>) {}
    // Whether other musterds may be on this database.
    virtual bool is_shared() const { return false; }
    // The steps of a schema that this database needs besides that of the tables.
    virtual std::span<const std::string_view> own_schema() const { return {}; }
    // Entries for the journal have been committed: they get their ids soon (store/journal.h), which is then announced
    // to all musterds, this one too. Nothing to do where they get them at once.
    virtual void journal_written() {}
};

// Driver::write_now by means of Driver::write.
Result<> write_and_wait(Driver& driver, Driver::Work work);

// A defect in one request's work must cost that request, not the thread that serves them all.
Result<> run_guarded(Driver::Work& work, Session& session);

}  // namespace muster::store
