// A database that takes no changes for a while.
#pragma once

#include <memory>

#include "store/driver.h"

namespace muster::test {

class FullDisk final : public store::Driver {
public:
    explicit FullDisk(std::unique_ptr<store::Driver> real) : real_(std::move(real)) {}
    void write(Work work, Done done) override {
        if (!full) return real_->write(std::move(work), std::move(done));
        done(fail(Errc::io, "the disk is full"));
    }
    void read(Work work, Done done) override { real_->read(std::move(work), std::move(done)); }
    Result<> write_now(Work work) override { return real_->write_now(std::move(work)); }
    store::DriverStatistics statistics() const override { return real_->statistics(); }
    bool is_shared() const override { return real_->is_shared(); }

    bool full = false;

private:
    std::unique_ptr<store::Driver> real_;
};

}  // namespace muster::test
