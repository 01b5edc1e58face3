// Drivers on a PostgreSQL database of the test's own: each one is a node.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "net/reactor.h"
#include "store/store.h"
#include "support/postgres_server.h"

namespace muster::store {

class PostgresTest : public ::testing::Test {
protected:
    void SetUp() override {
        server_ = test::PostgresServer::get();
        if (server_ == nullptr) GTEST_SKIP() << test::PostgresServer::absent;
        connection_ = server_->make_database();
        database_ = connection_.substr(connection_.rfind('=') + 1);
    }

    PostgresSettings settings(unsigned connections = 4) const { return server_->settings(connection_, connections); }
    static std::unique_ptr<PostgresDriver> open(PostgresSettings settings) {
        auto driver = PostgresDriver::open(std::move(settings));
        EXPECT_TRUE(driver) << driver.error().chain() << " | " << driver.error().hint();
        return driver ? std::move(*driver) : nullptr;
    }
    static std::unique_ptr<Store> open_store(PostgresSettings settings) {
        auto store = Store::open(open(std::move(settings)));
        EXPECT_TRUE(store) << store.error().chain();
        return std::move(*store);
    }
    // By a connection beside the driver's.
    std::string sql(const std::string& statement) const { return server_->run(statement, database_); }

    template <class Fn>
    static auto transact(Store& store, Fn fn) {
        return net::run_blocking(store.transact(std::move(fn)));
    }
    // True as soon as it is so.
    template <class Condition>
    static bool comes_true(Condition condition) {
        for (int i = 0; i < 1'500; ++i) {
            if (condition()) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return false;
    }
    // Queued, and what became of it.
    static std::future<Result<>> submit(Driver& driver, Driver::Work work) {
        auto promise = std::make_shared<std::promise<Result<>>>();
        auto outcome = promise->get_future();
        driver.write(std::move(work), [promise](Result<> result) { promise->set_value(std::move(result)); });
        return outcome;
    }

    test::PostgresServer* server_ = nullptr;
    std::string connection_;
    std::string database_;
};

}  // namespace muster::store
