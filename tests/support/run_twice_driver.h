// SQLite that runs every write twice, the first run undone: as PostgreSQL does when a transaction could not be
// serialized. A function given to Store::transact that cannot run again shows itself here.
#pragma once

#include <memory>

#include "store/sqlite_driver.h"

namespace muster::test {

class RunTwiceDriver final : public store::Driver {
public:
    explicit RunTwiceDriver(std::unique_ptr<store::Driver> real) : real_(std::move(real)) {}

    void write(Work work, Done done) override { real_->write(twice(std::move(work)), std::move(done)); }
    void read(Work work, Done done) override { real_->read(std::move(work), std::move(done)); }
    Result<> write_now(Work work) override { return real_->write_now(twice(std::move(work))); }
    store::DriverStatistics statistics() const override { return real_->statistics(); }

private:
    static Work twice(Work work) {
        return [work = std::move(work)](store::Session& session) mutable -> Result<> {
            MUSTER_CHECK(session.script("SAVEPOINT first_run"));
            // Whatever came of it, an error too: the second run begins where this one began.
            static_cast<void>(work(session));
            MUSTER_CHECK(session.script("ROLLBACK TO first_run; RELEASE first_run"));
            return work(session);
        };
    }

    std::unique_ptr<store::Driver> real_;
};

}  // namespace muster::test
