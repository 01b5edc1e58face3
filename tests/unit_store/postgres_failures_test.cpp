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

// A statement that brings a backend down, say: it must not do so without end.
TEST_F(PostgresFailures, ATransactionThatLosesEveryConnectionEndsAllTheSame) {
    auto impatient = settings(2);
    impatient.queue_deadline = std::chrono::milliseconds(400);
    const auto driver = open(impatient);
    std::atomic<int> runs = 0;
    auto outcome = submit(*driver, [&](Session& session) -> Result<> {
        ++runs;
        return session.query("SELECT pg_terminate_backend(pg_backend_pid())", {}, [](auto&) {});
    });
    EXPECT_EQ(outcome.wait_for(std::chrono::seconds(20)), std::future_status::ready);
    EXPECT_LT(runs, 60) << "and not as fast as it can";
    EXPECT_TRUE(comes_true([&] { return submit(*driver, add_one).get().has_value(); })) << "others go on";
}

TEST_F(PostgresFailures, ATransactionThatLostItsConnectionAtTheCommitIsNotRunAgain) {
    sql("CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NULL; END'");
    sql("CREATE CONSTRAINT TRIGGER dies AFTER UPDATE ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
        "die()");
    std::atomic<int> groups_told = 0;
    std::atomic<int> all_told = 0;
    const auto driver = open(settings());
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

// A standby that the server has to wait for is away, and somebody cancels the waiting: the server warns, and says
// COMMIT all the same. What is answered as done must outlive the loss of the server.
TEST_F(PostgresFailures, ACommitThatNoStandbyHasIsNotAnsweredAsDone) {
    const auto driver = open(settings(1));
    const auto set = [&](const std::string& names, const std::string& policies) {
        sql("ALTER SYSTEM SET synchronous_standby_names = " + names);
        sql("SELECT pg_reload_conf()");
        return comes_true([&] { return sql("SHOW synchronous_standby_names") == policies; });
    };
    ASSERT_TRUE(set("'nowhere'", "nowhere"));
    auto outcome = submit(*driver, add_one);
    EXPECT_TRUE(comes_true([&] {
        return sql("SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "1";
    }));
    const auto done = outcome.get();
    ASSERT_TRUE(set("''", ""));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code(), Errc::unavailable);
    EXPECT_NE(done.error().chain().find("not known"), std::string::npos) << done.error().chain();
    EXPECT_NE(done.error().chain().find("synchronous replication"), std::string::npos) << done.error().chain();
    EXPECT_NE(done.error().hint().find("synchronous_standby_names"), std::string::npos) << done.error().hint();
    EXPECT_EQ(value(), "1") << "it may be there, and was not run again";
    EXPECT_TRUE(driver->write_now(add_one)) << "the connection is as good as before";
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

// Many statements, none of them too slow by itself.
TEST_F(PostgresFailures, ATransactionHasADeadline) {
    auto short_of_time = settings(1);
    short_of_time.transaction_deadline = std::chrono::milliseconds(700);
    const auto driver = open(short_of_time);
    int statements = 0;
    const auto done = driver->write_now([&](Session& session) -> Result<> {
        MUSTER_CHECK(add_one(session));
        for (statements = 0; statements < 50; ++statements)
            MUSTER_CHECK(session.query("SELECT pg_sleep(0.2)", {}, [](auto&) {}));
        return {};
    });
    ASSERT_FALSE(done);
    EXPECT_LT(statements, 50);
    EXPECT_EQ(done.error().code(), Errc::unavailable);
    EXPECT_NE(done.error().chain().find("700 ms"), std::string::npos) << done.error().chain();
    EXPECT_NE(done.error().hint().find("pg_stat_activity"), std::string::npos) << done.error().hint();
    EXPECT_TRUE(driver->write_now(add_one));
    EXPECT_EQ(value(), "1");
}

// The work itself takes its time: the connection is none the worse.
TEST_F(PostgresFailures, ADeadlineThatPassesBetweenStatementsCostsNoConnection) {
    auto short_of_time = settings(1);
    short_of_time.transaction_deadline = std::chrono::milliseconds(300);
    const auto driver = open(short_of_time);
    std::string pid;
    const auto note_pid = [&](Session& session) {
        return session.query("SELECT pg_backend_pid()::text", {}, [&](const Row& row) { pid = row.string(0); });
    };
    ASSERT_TRUE(driver->write_now(note_pid));
    const auto before = pid;
    const auto done = driver->write_now([&](Session& session) -> Result<> {
        MUSTER_CHECK(add_one(session));
        std::this_thread::sleep_for(std::chrono::milliseconds(400));
        return {};
    });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code(), Errc::unavailable) << done.error().chain();
    ASSERT_TRUE(driver->write_now(note_pid));
    EXPECT_EQ(pid, before);
    EXPECT_EQ(value(), "0");
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
