// A PostgreSQL database that several musterds share: a pool of threads that write, two that read, each with a
// connection of its own; transactions are serializable, and run again when they could not be.
#pragma once

#include <memory>

#include "store/driver.h"
#include "store/postgres_settings.h"

namespace muster::store {

class PostgresDriver final : public Driver {
public:
    // Connects once, to say at once what is wrong. Errors: Errc::invalid_argument for settings, Errc::unavailable for a
    // database that cannot be reached, Errc::unsupported for a server older than PostgreSQL 13 or a database that is
    // not in UTF8.
    static Result<std::unique_ptr<PostgresDriver>> open(PostgresSettings settings);
    // Finishes what was queued, for a moment; what hangs is interrupted.
    ~PostgresDriver() override;

    void write(Work work, Done done) override;
    void read(Work work, Done done) override;
    Result<> write_now(Work work) override;
    Result<> write_alone(Work work) override;
    DriverStatistics statistics() const override;
    void on_announcement(std::function<void(Topic)> told) override;
    bool is_shared() const override { return true; }
    std::span<const std::string_view> own_schema() const override;
    void journal_written() override;

    struct State;

private:
    explicit PostgresDriver(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace muster::store
