// What a transaction is answered when the database, the connection or another transaction is in its way.
#include <atomic>

#include "postgres_fixture.h"

namespace muster::store {
namespace {

class PostgresFailures : public PostgresTest {
protected:
    void SetUp() override {
        PostgresTest::SetUp();
        if (server_ == nullptr) return;
        sql("CREATE TABLE t (id BIGINT PRIMARY KEY, value BIGINT NOT NULL)");
        sql("INSERT INTO t VALUES (1, 0)");
    }
    std::string value() const { return sql("SELECT value FROM t WHERE id = 1"); }
};

Result<> add_one(Session& session) {
    MUSTER_CHECK(session.execute("UPDATE t SET value = value + 1 WHERE id = $1", {1}));
    return {};
}

TEST_F(PostgresFailures, AWorkThatPassesOverAFailedStatementIsNotCommitted) {
    const auto driver = open(settings());
    const auto done = driver->write_now([](Session& session) -> Result<> {
        MUSTER_CHECK(add_one(session));
        EXPECT_FALSE(session.execute("INSERT INTO t (id, value) VALUES ($1, $2)", {1, 1}));
        EXPECT_FALSE(add_one(session));
        return {};
    });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code(), Errc::already_exists);
    EXPECT_EQ(value(), "0");
    EXPECT_TRUE(driver->write_now(add_one)) << "the connection is as good as before";
    EXPECT_EQ(value(), "1");
}

TEST_F(PostgresFailures, AStatementThatCannotBeRightIsADefect) {
    const auto driver = open(settings());
    for (const auto* statement : {"SELEC 1", "SELECT nothing FROM nowhere", "SELECT SUM(value) FROM t"}) {
        const auto done =
            driver->write_now([&](Session& session) { return session.query(statement, {}, [](auto&) {}); });
        ASSERT_FALSE(done) << statement;
        EXPECT_EQ(done.error().code(), Errc::internal) << done.error().chain();
    }
    EXPECT_TRUE(driver->write_now(add_one));
}

TEST_F(PostgresFailures, ATransactionThatLostItsConnectionBeforeTheCommitIsRunAgain) {
    const auto driver = open(settings());
    std::atomic<int> runs = 0;
    const auto done = driver->write_now([&](Session& session) -> Result<> {
        MUSTER_CHECK(add_one(session));
        if (++runs == 1) sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 't'::regclass");
        MUSTER_CHECK(add_one(session));
        return {};
    });
    EXPECT_TRUE(done) << done.error().chain();
    EXPECT_EQ(runs, 2);
    EXPECT_EQ(value(), "2");
}

TEST_F(PostgresFailures, ATransactionThatLostItsConnectionAtTheCommitIsNotRunAgain) {
    sql("CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NULL; END'");
    sql("CREATE CONSTRAINT TRIGGER dies AFTER UPDATE ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
        "die()");
    const auto driver = open(settings());
    std::atomic<int> groups_told = 0;
    std::atomic<int> all_told = 0;
    driver->on_announcement([&](Topic topic) {
        ++all_told;
        if (topic == Topic::groups) ++groups_told;
    });
    // Whatever hearing for the first time has told.
    static_cast<void>(comes_true([&] { return all_told >= static_cast<int>(all_topics.size()); }));
    const int told_before = groups_told;
    int runs = 0;
    const auto done = driver->write_now([&](Session& session) -> Result<> {
        ++runs;
        MUSTER_CHECK(session.announce(Topic::groups));
        return add_one(session);
    });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code(), Errc::unavailable);
    EXPECT_NE(done.error().chain().find("not known"), std::string::npos) << done.error().chain();
    EXPECT_EQ(runs, 1);
    EXPECT_GT(groups_told, told_before) << "what may have been committed is read anew";
}

TEST_F(PostgresFailures, AServerThatTakesNoChangesIsNotAskedWithoutEnd) {
    const auto driver = open(settings(1));
    ASSERT_TRUE(driver->write_now(add_one));
    sql("ALTER SYSTEM SET default_transaction_read_only = on");
    sql("SELECT pg_reload_conf()");
    const auto reads_only = [&] { return sql("SHOW default_transaction_read_only") == "on"; };
    ASSERT_TRUE(comes_true(reads_only));
    std::atomic<int> runs = 0;
    auto outcome = submit(*driver, [&](Session& session) {
        ++runs;
        return add_one(session);
    });
    EXPECT_TRUE(comes_true([&] { return runs > 0; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    EXPECT_LT(runs, 20);
    sql("ALTER SYSTEM RESET default_transaction_read_only");
    sql("SELECT pg_reload_conf()");
    const auto result = outcome.get();
    EXPECT_TRUE(result) << result.error().chain();
    EXPECT_EQ(value(), "2");
}

TEST_F(PostgresFailures, ADatabaseThatStartsAgainIsAPause) {
    const auto driver = open(settings());
    ASSERT_TRUE(driver->write_now(add_one));
    server_->stop(SIGINT);
    std::vector<std::future<Result<>>> waiting;
    for (int i = 0; i < 20; ++i) waiting.push_back(submit(*driver, add_one));
    ASSERT_TRUE(server_->start());
    for (auto& outcome : waiting) {
        const auto result = outcome.get();
        EXPECT_TRUE(result) << result.error().chain();
    }
    EXPECT_EQ(value(), "21");
}

TEST_F(PostgresFailures, WhoWaitsTooLongForADatabaseThatIsAwayIsToldSo) {
    auto impatient = settings();
    impatient.queue_deadline = std::chrono::milliseconds(300);
    const auto driver = open(impatient);
    server_->stop();
    std::vector<std::future<Result<>>> waiting;
    for (int i = 0; i < 6; ++i) waiting.push_back(submit(*driver, add_one));
    for (auto& outcome : waiting) {
        const auto result = outcome.get();
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code(), Errc::unavailable);
    }
    EXPECT_EQ(driver->statistics().queued, 0U);
    ASSERT_TRUE(server_->start());
    EXPECT_TRUE(comes_true([&] { return submit(*driver, add_one).get().has_value(); }));
}

// Another session holds the row.
class Holder {
public:
    explicit Holder(const std::string& connection) : connection_(PQconnectdb(connection.c_str())) {
        PQclear(PQexec(connection_.get(), "BEGIN; UPDATE t SET value = 100 WHERE id = 1"));
    }
    void commit() { PQclear(PQexec(connection_.get(), "COMMIT")); }

private:
    std::unique_ptr<PGconn, Freer<PQfinish>> connection_;
};

TEST_F(PostgresFailures, AStatementHasADeadline) {
    Holder holder(connection_);
    auto short_of_time = settings();
    short_of_time.statement_deadline = std::chrono::milliseconds(800);
    const auto driver = open(short_of_time);
    const auto done = driver->write_now(add_one);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code(), Errc::unavailable);
    EXPECT_NE(done.error().chain().find("57014"), std::string::npos) << done.error().chain();
    holder.commit();
    EXPECT_TRUE(driver->write_now(add_one));
    EXPECT_EQ(value(), "101");
}

TEST_F(PostgresFailures, ATransactionThatCouldNotBeSerializedIsRunAgain) {
    Holder holder(connection_);
    const auto driver = open(settings());
    std::atomic<int> runs = 0;
    auto outcome = submit(*driver, [&](Session& session) {
        ++runs;
        return add_one(session);
    });
    ASSERT_TRUE(comes_true([&] { return sql("SELECT count(*) FROM pg_locks WHERE NOT granted") == "1"; }));
    holder.commit();
    EXPECT_TRUE(outcome.get());
    EXPECT_EQ(runs, 2);
    EXPECT_EQ(value(), "101");
    EXPECT_EQ(driver->statistics().retries, 1U);
}

TEST_F(PostgresFailures, ADriverThatClosesWaitsForNoStatement) {
    const Holder holder(connection_);
    auto driver = open(settings(1));
    auto hangs = submit(*driver, add_one);
    ASSERT_TRUE(comes_true([&] { return sql("SELECT count(*) FROM pg_locks WHERE NOT granted") == "1"; }));
    auto waits = submit(*driver, add_one);
    driver.reset();
    for (auto* outcome : {&hangs, &waits}) {
        const auto result = outcome->get();
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code(), Errc::unavailable);
    }
}

TEST_F(PostgresFailures, ADriverThatClosesFinishesWhatWasQueued) {
    auto driver = open(settings(1));
    std::vector<std::future<Result<>>> outcomes;
    for (int i = 0; i < 10; ++i) outcomes.push_back(submit(*driver, add_one));
    driver.reset();
    for (auto& outcome : outcomes) EXPECT_TRUE(outcome.get());
    EXPECT_EQ(value(), "10");
}

TEST_F(PostgresFailures, ADriverClosesWhileItsDatabaseIsAway) {
    auto driver = open(settings());
    server_->stop();
    auto outcome = submit(*driver, add_one);
    driver.reset();
    EXPECT_FALSE(outcome.get());
    ASSERT_TRUE(server_->start());
}

}  // namespace
}  // namespace muster::store
