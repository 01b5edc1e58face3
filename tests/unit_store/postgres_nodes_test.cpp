// Several drivers on one database: what they promise each other.
#include <algorithm>
#include <set>

#include "postgres_fixture.h"

namespace muster::store {
namespace {

class PostgresNodes : public PostgresTest {
protected:
    void SetUp() override {
        PostgresTest::SetUp();
        if (server_ == nullptr) return;
        one_ = open_store(settings());
        other_ = open_store(settings());
    }
    void TearDown() override {
        one_.reset();
        other_.reset();
    }
    static std::int64_t newest(Store& store) {
        return net::run_blocking(store.read([](Tx& tx) { return tx.journal().newest(); })).value();
    }
    static Result<> append(Store& store, std::string subject) {
        return transact(store, [&](Tx& tx) { return tx.journal().append({.type = "a.b", .subject = subject}); });
    }

    std::string listeners() const {
        return sql(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND state = 'idle' AND datname = "
            "current_database()");
    }

    std::unique_ptr<Store> one_;
    std::unique_ptr<Store> other_;
};

// Reads on from what it saw last, as readers of events do, and never looks back.
class Follower {
public:
    explicit Follower(Store& store) : store_(store) {}
    void follow() {
        const auto entries =
            net::run_blocking(store_.read([&](Tx& tx) { return tx.journal().after(last_, 64); })).value();
        for (const auto& entry : entries) {
            if (entry.id != last_ + 1) ++gaps_;
            last_ = entry.id;
            subjects_.insert(entry.subject);
        }
    }
    std::size_t seen() const { return subjects_.size(); }
    std::int64_t last() const { return last_; }
    int gaps() const { return gaps_; }

private:
    Store& store_;
    std::int64_t last_ = 0;
    int gaps_ = 0;
    std::set<std::string> subjects_;
};

TEST_F(PostgresNodes, WhoFollowsTheJournalMissesNothing) {
    constexpr int writers = 8;
    constexpr int each = 60;
    std::vector<std::thread> threads;
    for (int w = 0; w < writers; ++w)
        threads.emplace_back([&, w] {
            for (int i = 0; i < each; ++i) {
                auto& store = (w % 2 == 0) ? *one_ : *other_;
                const auto done = transact(store, [&](Tx& tx) -> Result<> {
                    MUSTER_CHECK(tx.journal().append({.type = "a.b", .subject = fmt::format("{}-{}", w, i)}));
                    // Commits in another order than that of the entries.
                    if (i % 7 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
                    if (i % 5 == 0) return fail(Errc::conflict, "every fifth");
                    return {};
                });
                EXPECT_EQ(done.has_value(), i % 5 != 0);
            }
        });
    Follower follower(*other_);
    constexpr std::size_t expected = writers * each * 4 / 5;
    EXPECT_TRUE(comes_true([&] {
        follower.follow();
        return follower.seen() == expected;
    }));
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(follower.gaps(), 0);
    EXPECT_EQ(follower.last(), static_cast<std::int64_t>(expected));
    EXPECT_EQ(sql("SELECT count(*) FROM journal_pending"), "0");
}

TEST_F(PostgresNodes, IdsAreNeverGivenTwice) {
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(append(*one_, "s"));
    ASSERT_TRUE(comes_true([&] { return newest(*one_) == 3; }));
    ASSERT_EQ(transact(*one_, [](Tx& tx) { return tx.journal().erase_before(100, false, 100); }).value(), 3);
    ASSERT_TRUE(append(*other_, "s"));
    EXPECT_TRUE(comes_true([&] { return newest(*other_) == 4; }));
}

TEST_F(PostgresNodes, IdsGoOnFromAJournalThatWasBroughtHere) {
    sql("INSERT INTO journal VALUES (500, 0, 'a.b', 's', '', '', '', '')");
    ASSERT_TRUE(append(*one_, "s"));
    EXPECT_TRUE(comes_true([&] { return newest(*one_) == 501; }));
}

TEST_F(PostgresNodes, WhatANodeThatDiedLeftGetsItsIdFromTheNext) {
    one_.reset();
    other_.reset();
    sql("INSERT INTO journal_pending (time, type, subject, actor, peer, tracking_id, detail) "
        "VALUES (0, 'a.b', 'left', '', '', '', '')");
    one_ = open_store(settings());
    EXPECT_TRUE(comes_true([&] { return newest(*one_) == 1; }));
}

TEST_F(PostgresNodes, ReadersOfTheJournalAreWokenOnEveryNode) {
    std::atomic<int> told_one = 0;
    std::atomic<int> told_other = 0;
    one_->on_journal([&] { ++told_one; });
    other_->on_journal([&] { ++told_other; });
    // Whatever hearing for the first time has told.
    ASSERT_TRUE(append(*one_, "s"));
    EXPECT_TRUE(comes_true([&] { return newest(*one_) == 1 && told_one > 0 && told_other > 0; }));
    const int before_one = told_one;
    const int before_other = told_other;
    ASSERT_TRUE(append(*one_, "s"));
    EXPECT_TRUE(comes_true([&] { return told_one > before_one && told_other > before_other; }));
    one_.reset();
    other_.reset();
}

class Heard {
public:
    void operator()(Topic topic) {
        const std::lock_guard lock(mutex_);
        topics_.push_back(topic);
    }
    std::ptrdiff_t count(Topic topic) {
        const std::lock_guard lock(mutex_);
        return std::ranges::count(topics_, topic);
    }

private:
    std::mutex mutex_;
    std::vector<Topic> topics_;
};

TEST_F(PostgresNodes, AnAnnouncementReachesTheOthersOnceTheTransactionIsDurable) {
    Heard at_one;
    Heard at_other;
    one_->on_announcement([&](Topic topic) { at_one(topic); });
    other_->on_announcement([&](Topic topic) { at_other(topic); });
    ASSERT_TRUE(comes_true([&] { return listeners() == "2"; }));
    // All topics were told of, since hearing has begun; maybe twice.
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const auto before_one = at_one.count(Topic::hubs);
    const auto before_other = at_other.count(Topic::hubs);
    EXPECT_GT(before_other, 0);
    const auto put = [](Tx& tx) { return tx.linked_hubs().put({.name = "h", .etag = "1", .key = "AAAA"}); };
    EXPECT_FALSE(transact(*one_, [&](Tx& tx) -> Result<> {
        MUSTER_CHECK(put(tx));
        return fail(Errc::conflict, "not after all");
    }));
    ASSERT_TRUE(transact(*one_, put));
    EXPECT_TRUE(comes_true([&] { return at_other.count(Topic::hubs) == before_other + 1; }));
    EXPECT_EQ(at_one.count(Topic::hubs), before_one) << "it does not hear itself";
    EXPECT_EQ(at_other.count(Topic::groups), before_other);
    one_.reset();
    other_.reset();
}

TEST_F(PostgresNodes, WhoCouldNotHearForAWhileIsToldOfEverything) {
    Heard at_one;
    one_->on_announcement([&](Topic topic) { at_one(topic); });
    ASSERT_TRUE(comes_true([&] { return listeners() == "2"; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const auto before = at_one.count(Topic::revocations);
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'");
    EXPECT_TRUE(comes_true([&] { return at_one.count(Topic::revocations) == before + 1; }));
    one_.reset();
}

TEST_F(PostgresNodes, WhoBringsTheSchemaForwardTellsTheOthers) {
    std::atomic<int> told = 0;
    one_->on_announcement([&](Topic topic) { told += topic == Topic::schema ? 1 : 0; });
    ASSERT_TRUE(comes_true([&] { return listeners() == "2"; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const int before = told;
    // As if it had still to be made.
    sql("DROP TABLE journal_pending, journal_sequence; DELETE FROM driver_schema_version");
    ASSERT_TRUE(open_store(settings(1)));
    EXPECT_TRUE(comes_true([&] { return told > before; }));
    EXPECT_TRUE(net::run_blocking(one_->check_schema())) << "it knows that one";
    EXPECT_TRUE(append(*one_, "s"));
    one_.reset();
}

TEST_F(PostgresNodes, WhoDoesNotKnowTheSchemaAnyMoreUsesItNoMore) {
    ASSERT_TRUE(append(*one_, "before"));
    EXPECT_TRUE(net::run_blocking(one_->check_schema()));
    sql("UPDATE schema_version SET version = 9999");
    const auto known = net::run_blocking(one_->check_schema());
    ASSERT_FALSE(known);
    EXPECT_EQ(known.error().code(), Errc::unsupported);
    EXPECT_NE(known.error().message().find("9999"), std::string::npos) << known.error().chain();
    EXPECT_NE(known.error().hint().find("later"), std::string::npos) << known.error().hint();
    const auto written = append(*one_, "after");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code(), Errc::unavailable) << "a device is to come again, at another musterd";
    EXPECT_FALSE(net::run_blocking(one_->read([](Tx& tx) { return tx.journal().newest(); })));
    EXPECT_FALSE(one_->transact_now([](Tx&) { return Result<>(); }));
    EXPECT_EQ(sql("SELECT count(*) FROM journal_pending WHERE subject = 'after'"), "0");
}

// No write may be lost: each reads what is there and writes one more, in two statements.
TEST_F(PostgresNodes, ReadingAndWritingInManyThreadsLosesNothing) {
    constexpr int threads = 8;
    constexpr int each = 25;
    IdentityRecord device;
    device.device_id = "d";
    ASSERT_TRUE(transact(*one_, [&](Tx& tx) { return tx.identities().insert(device); }));
    std::vector<std::thread> workers;
    std::atomic<int> failed = 0;
    for (int t = 0; t < threads; ++t)
        workers.emplace_back([&, t] {
            for (int i = 0; i < each; ++i) {
                const auto done = transact((t % 2 == 0) ? *one_ : *other_, [&](Tx& tx) -> Result<> {
                    MUSTER_TRY(const auto count, tx.marks().find("counter"));
                    MUSTER_CHECK(tx.marks().put("counter", count.value_or(0) + 1));
                    MUSTER_TRY(auto found, tx.identities().find("d"));
                    ++found->desired_version;
                    return tx.identities().update(*found);
                });
                if (!done) ++failed;
            }
        });
    for (auto& worker : workers) worker.join();
    EXPECT_EQ(failed, 0);
    EXPECT_EQ(transact(*one_, [](Tx& tx) { return tx.marks().find("counter"); }).value(), threads * each);
    EXPECT_EQ(sql("SELECT desired_version FROM identity"), std::to_string(threads * each + 1)) << "it begins with 1";
}

// Two that each look for what the other writes: by snapshots alone both would be committed (write skew).
TEST_F(PostgresNodes, WhatATransactionDidNotFindIsStillNotThereWhenItCommits) {
    constexpr int threads = 8;
    std::vector<std::thread> workers;
    std::atomic<int> made = 0;
    for (int t = 0; t < threads; ++t)
        workers.emplace_back([&, t] {
            const auto done = transact((t % 2 == 0) ? *one_ : *other_, [&](Tx& tx) -> Result<bool> {
                MUSTER_TRY(const auto there, tx.identities().list_modules("d"));
                if (!there.empty()) return false;
                IdentityRecord module;
                module.device_id = "d";
                module.module_id = fmt::format("m{}", t);
                MUSTER_CHECK(tx.identities().insert(module));
                return true;
            });
            if (done && *done) ++made;
        });
    for (auto& worker : workers) worker.join();
    EXPECT_EQ(made, 1);
    EXPECT_EQ(sql("SELECT count(*) FROM identity"), "1");
}

}  // namespace
}  // namespace muster::store
