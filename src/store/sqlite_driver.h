// SQLite in WAL mode: one writer thread with group commit, a few reader threads beside it.
#pragma once

#include <filesystem>
#include <memory>

#include "store/driver.h"

namespace muster::store {

class SqliteDriver final : public Driver {
public:
    // What the writer keeps of the database at most, and a reader a quarter of: the indexes of a million devices, in
    // which new ones land anywhere.
    static constexpr std::size_t usual_cache = 256 << 20;
    // Opens or creates the database (mode 0600). `readers` threads, each with a connection of its own.
    static Result<std::unique_ptr<SqliteDriver>> open(const std::filesystem::path& file, unsigned readers = 2,
                                                      std::size_t cache_bytes = usual_cache);
    // Finishes what was queued.
    ~SqliteDriver() override;

    void write(Work work, Done done) override;
    void read(Work work, Done done) override;
    Result<> write_now(Work work) override;
    DriverStatistics statistics() const override;
    // Bytes that SQLite holds in this process: nearly all of it pages of the database.
    static std::int64_t memory_in_use();

    struct State;

private:
    explicit SqliteDriver(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace muster::store
