// An empty database for a test, of either kind; tests that are parametrized by the kind run on both.
#pragma once

#include <gtest/gtest.h>

#include "store/postgres_driver.h"
#include "store/sqlite_driver.h"
#include "support/postgres_server.h"

namespace muster::test {

enum class DatabaseKind { sqlite, postgresql };

inline std::string name_of(const ::testing::TestParamInfo<DatabaseKind>& kind) {
    return kind.param == DatabaseKind::sqlite ? "sqlite" : "postgresql";
}

class TestDatabase {
public:
    explicit TestDatabase(DatabaseKind kind) {
        std::string pattern = (std::filesystem::temp_directory_path() / "muster-store-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
        if (kind == DatabaseKind::postgresql && PostgresServer::get() != nullptr)
            connection_ = PostgresServer::get()->make_database();
        absent_ = kind == DatabaseKind::postgresql && connection_.empty();
    }
    ~TestDatabase() { std::filesystem::remove_all(directory_); }
    TestDatabase(const TestDatabase&) = delete;
    TestDatabase& operator=(const TestDatabase&) = delete;

    // There is no server: the test has to be skipped.
    bool absent() const { return absent_; }
    std::filesystem::path file() const { return directory_ / "muster.db"; }  // SQLite's

    // Opens it; again, for what is in it.
    std::unique_ptr<store::Driver> open() const {
        if (connection_.empty()) return owned(store::SqliteDriver::open(file()));
        return owned(store::PostgresDriver::open(PostgresServer::get()->settings(connection_)));
    }

    // Until every entry of the journal that was written has its id: PostgreSQL's get them a moment later.
    void wait_for_journal() const {
        if (connection_.empty()) return;
        while (run("SELECT 1 FROM journal_pending LIMIT 1") == "1")
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    // PostgreSQL's: statements beside the driver's (PostgresServer::run).
    std::string run(const std::string& sql) const {
        return PostgresServer::get()->run(sql, connection_.substr(connection_.rfind('=') + 1));
    }

private:
    template <class Driver>
    static std::unique_ptr<store::Driver> owned(Result<std::unique_ptr<Driver>> driver) {
        EXPECT_TRUE(driver) << driver.error().chain() << " | " << driver.error().hint();
        return driver ? std::move(*driver) : nullptr;
    }

    std::filesystem::path directory_;
    std::string connection_;
    bool absent_ = false;
};

}  // namespace muster::test
