// A store in a directory of its own, a clock that stands still and seeded randomness: what service tests begin with.
// Each write runs twice, as PostgreSQL may have it: what a service does with the store must bear that. With
// MUSTER_TEST_DATABASE=postgresql in the environment the store is a PostgreSQL database of the test's own instead.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "net/reactor.h"
#include "store/sqlite_driver.h"
#include "store/store.h"
#include "support/run_twice_driver.h"
#include "support/shared_driver.h"
#include "support/test_database.h"

namespace muster::test {

class ServiceFixture : public ::testing::Test {
protected:
    // `shared`: as if other musterds were on the database.
    explicit ServiceFixture(bool shared = false) {
        std::string pattern = (std::filesystem::temp_directory_path() / "muster-service-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
        auto opened = store::Store::open(open_driver(shared));
        EXPECT_TRUE(opened) << opened.error().chain();
        store_ = std::move(*opened);
    }
    ~ServiceFixture() override {
        store_.reset();
        std::filesystem::remove_all(directory_);
    }

    void SetUp() override {
        if (database_ && database_->absent()) GTEST_SKIP() << PostgresServer::absent;
    }

    // Runs one call of a service to its end.
    template <class T>
    T run(Task<T> task) {
        return net::run_blocking(std::move(task));
    }

    // What was written to the journal until now can be read.
    void settle() const {
        if (database_) database_->wait_for_journal();
    }
    // The same database by another driver.
    std::unique_ptr<store::Driver> open_again() const {
        if (database_) return database_->open();
        auto driver = store::SqliteDriver::open(directory_ / "muster.db");
        EXPECT_TRUE(driver) << driver.error().chain();
        return std::move(*driver);
    }

    std::unique_ptr<store::Driver> open_driver(bool shared) {
        const auto* kind = std::getenv("MUSTER_TEST_DATABASE");
        if (kind != nullptr && std::string_view(kind) == "postgresql") {
            database_.emplace(DatabaseKind::postgresql);
            return database_->open();
        }
        auto driver = store::SqliteDriver::open(directory_ / "muster.db");
        EXPECT_TRUE(driver) << driver.error().chain();
        return std::make_unique<SharedDriver>(std::make_unique<RunTwiceDriver>(std::move(*driver)), shared);
    }

    std::optional<TestDatabase> database_;
    std::filesystem::path directory_;
    std::unique_ptr<store::Store> store_;
    ManualClock clock_{*parse_utc("2026-11-24T06:00:00Z")};
    SeededRandom random_{7};
};

inline json::object object(std::string_view text) {
    auto parsed = parse_json_object(text);
    EXPECT_TRUE(parsed) << text;
    return parsed ? *parsed : json::object();
}

inline std::string text_at(const json::value& value, std::string_view pointer) {
    boost::system::error_code missing;
    const auto* found = value.find_pointer(pointer, missing);
    if (missing || found == nullptr) return "(absent)";
    return found->is_string() ? std::string(found->as_string()) : json::serialize(*found);
}

}  // namespace muster::test
