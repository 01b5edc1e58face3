#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "net/reactor.h"
#include "store/store.h"
#include "support/test_database.h"

namespace muster::store {
namespace {

class JournalTest : public ::testing::TestWithParam<test::DatabaseKind> {
protected:
    void SetUp() override {
        if (database_.absent()) GTEST_SKIP() << test::PostgresServer::absent;
        store_ = Store::open(database_.open()).value();
    }
    static TimePoint at(std::int64_t seconds) { return TimePoint(std::chrono::seconds(seconds)); }
    template <class Fn>
    auto transact(Fn fn) {
        return net::run_blocking(store_->transact(std::move(fn)));
    }
    void append(std::int64_t seconds, std::string actor = "") {
        ASSERT_TRUE(transact(
            [&](Tx& tx) { return tx.journal().append({.time = at(seconds), .type = "a.b", .actor = actor}); }));
    }

    // Ids come a moment after the commit where several may write.
    std::int64_t newest_once_it_is(std::int64_t expected) {
        std::int64_t newest = -1;
        for (int i = 0; i < 400 && newest != expected; ++i) {
            if (i > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
            newest = transact([](Tx& tx) { return tx.journal().newest(); }).value();
        }
        return newest;
    }

    test::TestDatabase database_{GetParam()};
    std::unique_ptr<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(Journal, JournalTest,
                         ::testing::Values(test::DatabaseKind::sqlite, test::DatabaseKind::postgresql), test::name_of);

TEST_P(JournalTest, AnEntryGoesWithItsTransaction) {
    std::atomic<int> told = 0;
    store_->on_journal([&] { ++told; });
    EXPECT_FALSE(transact([&](Tx& tx) -> Result<> {
        MUSTER_CHECK(tx.journal().append({.time = at(1), .type = "a.b"}));
        return fail(Errc::conflict, "not after all");
    }));
    EXPECT_EQ(told, 0);
    EXPECT_EQ(transact([](Tx& tx) { return tx.journal().newest(); }).value(), 0);
    append(2);
    EXPECT_EQ(newest_once_it_is(1), 1);
    EXPECT_EQ(told, 1);
    ASSERT_TRUE(transact([](Tx& tx) { return tx.marks().put("m", 1); }));
    EXPECT_EQ(told, 1) << "nothing was appended";
}

TEST_P(JournalTest, FindsTheFirstSinceAMomentAlsoAcrossGaps) {
    for (int i = 1; i <= 100; ++i) append(i * 10, i % 3 == 0 ? "owner" : "");
    ASSERT_EQ(newest_once_it_is(100), 100);
    const auto first_since = [&](std::int64_t seconds) {
        return transact([&](Tx& tx) { return tx.journal().first_since(at(seconds)); }).value().value_or(-1);
    };
    EXPECT_EQ(first_since(0), 1);
    EXPECT_EQ(first_since(10), 1);
    EXPECT_EQ(first_since(11), 2);
    EXPECT_EQ(first_since(1'000), 100);
    EXPECT_EQ(first_since(1'001), -1);
    EXPECT_EQ(transact([](Tx& tx) { return tx.journal().erase_before(50, false, 10); }).value(), 10);
    EXPECT_EQ(transact([](Tx& tx) { return tx.journal().erase_before(50, false, 1'000); }).value(), 23);
    // Below 50 only every third is left.
    EXPECT_EQ(first_since(10), 3);
    EXPECT_EQ(first_since(470), 48);
    EXPECT_EQ(first_since(480), 48);
    EXPECT_EQ(first_since(490), 50);
    EXPECT_EQ(first_since(510), 51);
}

TEST_P(JournalTest, ChangesAreReadBackwards) {
    for (int i = 1; i <= 10; ++i) append(i, i % 2 == 0 ? "owner" : "");
    ASSERT_EQ(newest_once_it_is(10), 10);
    const auto changes = transact([](Tx& tx) { return tx.journal().changes_before(9, 3); }).value();
    ASSERT_EQ(changes.size(), 3u);
    EXPECT_EQ(changes[0].id, 8);
    EXPECT_EQ(changes[2].id, 4);
}

TEST_P(JournalTest, ADefaultViewIsTheEmptyText) {
    ASSERT_TRUE(transact([](Tx& tx) { return tx.marks().put(std::string_view(), 7); }));
    EXPECT_EQ(transact([](Tx& tx) { return tx.marks().find(""); }).value(), 7);
}

TEST_P(JournalTest, MarksAreKept) {
    EXPECT_EQ(transact([](Tx& tx) { return tx.marks().find("m"); }).value(), std::nullopt);
    ASSERT_TRUE(transact([](Tx& tx) { return tx.marks().put("m", 1); }));
    ASSERT_TRUE(transact([](Tx& tx) { return tx.marks().put("m", 2); }));
    EXPECT_EQ(transact([](Tx& tx) { return tx.marks().find("m"); }).value(), 2);
}

}  // namespace
}  // namespace muster::store
