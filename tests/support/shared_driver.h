// A database that says of itself that other musterds may be on it, as PostgreSQL does.
#pragma once

#include <memory>

#include "store/driver.h"

namespace muster::test {

class SharedDriver final : public store::Driver {
public:
    SharedDriver(std::unique_ptr<store::Driver> real, bool shared = true) : real_(std::move(real)), shared_(shared) {}

    void write(Work work, Done done) override { real_->write(std::move(work), std::move(done)); }
    void read(Work work, Done done) override { real_->read(std::move(work), std::move(done)); }
    Result<> write_now(Work work) override { return real_->write_now(std::move(work)); }
    store::DriverStatistics statistics() const override { return real_->statistics(); }
    bool is_shared() const override { return shared_; }

private:
    std::unique_ptr<store::Driver> real_;
    const bool shared_;
};

}  // namespace muster::test
