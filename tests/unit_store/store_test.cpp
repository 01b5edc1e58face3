#include "store/store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <thread>

#include "net/reactor.h"
#include "support/test_database.h"

namespace muster::store {
namespace {

// On both databases.
class StoreTest : public ::testing::TestWithParam<test::DatabaseKind> {
protected:
    void SetUp() override {
        if (database_.absent()) GTEST_SKIP() << test::PostgresServer::absent;
    }
    std::unique_ptr<Store> open_store() const {
        auto store = Store::open(database_.open());
        EXPECT_TRUE(store) << store.error().chain();
        return std::move(*store);
    }

    test::TestDatabase database_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Store, StoreTest,
                         ::testing::Values(test::DatabaseKind::sqlite, test::DatabaseKind::postgresql), test::name_of);

EnrollmentRecord enrollment(std::string id, std::string body = "{}") {
    return {.id = std::move(id),
            .etag = "\"1\"",
            .body = std::move(body),
            .primary_certificate = {1, 2, 3},
            .created = TimePoint(Micros(1)),
            .updated = TimePoint(Micros(2))};
}

TEST_P(StoreTest, KeepsWhatWasWrittenAcrossAReopen) {
    {
        auto store = open_store();
        auto written =
            net::run_blocking(store->transact([](Tx& tx) { return tx.enrollments().put(enrollment("Dev-1")); }));
        ASSERT_TRUE(written) << written.error().chain();
    }
    auto store = open_store();
    auto found = net::run_blocking(store->read([](Tx& tx) { return tx.enrollments().find("dEV-1"); }));
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->id, "Dev-1");
    EXPECT_EQ((*found)->primary_certificate, Bytes({1, 2, 3}));
    EXPECT_TRUE((*found)->secondary_certificate.empty());
    EXPECT_EQ((*found)->updated, TimePoint(Micros(2)));
}

TEST_P(StoreTest, AFailedTransactionRollsBackAlone) {
    auto store = open_store();
    auto failed = net::run_blocking(store->transact([](Tx& tx) -> Result<int> {
        MUSTER_CHECK(tx.enrollments().put(enrollment("gone")));
        return fail(Errc::conflict, "no");
    }));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code(), Errc::conflict);
    auto count = net::run_blocking(store->read([](Tx& tx) { return tx.enrollments().count(); }));
    EXPECT_EQ(*count, 0);
}

TEST_P(StoreTest, AnExceptionInAWorkCostsThatWorkAlone) {
    auto store = open_store();
    auto failed = net::run_blocking(store->transact([](Tx& tx) -> Result<int> {
        MUSTER_CHECK(tx.enrollments().put(enrollment("gone")));
        throw std::runtime_error("defect");
    }));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code(), Errc::internal);
    EXPECT_EQ(*net::run_blocking(store->read([](Tx& tx) { return tx.enrollments().count(); })), 0);
}

// Several threads at once, every third transaction failing: what succeeded is there, what failed is not.
TEST_P(StoreTest, ManyTransactionsShareCommitsAndStayApart) {
    const auto opened = open_store();
    auto& store = *opened;
    constexpr int threads = 4;
    constexpr int each = 200;
    std::atomic<int> succeeded{0};
    std::vector<std::thread> workers;
    for (int t = 0; t < threads; ++t)
        workers.emplace_back([&, t] {
            net::run_blocking([&]() -> Task<int> {
                for (int i = 0; i < each; ++i) {
                    auto done = co_await store.transact([&](Tx& tx) -> Result<> {
                        MUSTER_CHECK(tx.enrollments().put(enrollment(fmt::format("dev-{}-{}", t, i))));
                        if (i % 3 == 0) return fail(Errc::conflict, "every third");
                        return {};
                    });
                    if (done) ++succeeded;
                }
                co_return 0;
            }());
        });
    for (auto& worker : workers) worker.join();
    auto count = net::run_blocking(store.read([](Tx& tx) { return tx.enrollments().count(); }));
    EXPECT_EQ(*count, succeeded.load());
    EXPECT_EQ(succeeded.load(), threads * (each - (each + 2) / 3));
    EXPECT_LE(store.statistics().commits, store.statistics().transactions);
}

TEST_P(StoreTest, ListsByKeyInPages) {
    auto store = open_store();
    ASSERT_TRUE(store->transact_now([](Tx& tx) -> Result<> {
        for (const auto* id : {"b", "A", "c"}) MUSTER_CHECK(tx.enrollments().put(enrollment(id)));
        return {};
    }));
    auto first =
        net::run_blocking(store->read([](Tx& tx) { return tx.enrollments().list({.after = "", .limit = 2}); }));
    ASSERT_EQ(first->size(), 2u);
    EXPECT_EQ((*first)[0].id, "A");
    auto second =
        net::run_blocking(store->read([](Tx& tx) { return tx.enrollments().list({.after = "B", .limit = 2}); }));
    ASSERT_EQ(second->size(), 1u);
    EXPECT_EQ((*second)[0].id, "c");
}

TEST_P(StoreTest, ListsAGroupsRegistrationsInTheOrderTheyWereMade) {
    auto store = open_store();
    const auto put = [&](std::string id, std::string group, std::int64_t created) {
        const RegistrationRecord record{.id = std::move(id),
                                        .etag = "\"1\"",
                                        .group_id = std::move(group),
                                        .status = "assigned",
                                        .created = TimePoint(Micros(created)),
                                        .updated = TimePoint(Micros(created))};
        ASSERT_TRUE(net::run_blocking(store->transact([&](Tx& tx) { return tx.registrations().put(record); })));
    };
    put("Late", "plant", 3);
    put("b", "plant", 1);
    put("A", "Plant", 1);
    put("elsewhere", "other", 1);
    put("alone", "", 1);
    std::string seen;
    RegistrationPlace place;
    for (int page = 0; page < 4; ++page) {
        auto records =
            net::run_blocking(store->read([&](Tx& tx) { return tx.registrations().list_group("PLANT", place, 1); }));
        ASSERT_TRUE(records) << records.error().chain();
        for (const auto& record : *records) {
            seen += record.id + " ";
            place = {.created = record.created, .id = record.id};
        }
    }
    EXPECT_EQ(seen, "A b Late ");
}

TEST_P(StoreTest, OneSigningCertificateServesOneGroup) {
    auto store = open_store();
    ASSERT_TRUE(store->transact_now([](Tx& tx) { return tx.group_certificates().replace("One", {"AA", "AA", "BB"}); }));
    auto taken = store->transact_now([](Tx& tx) { return tx.group_certificates().replace("two", {"BB"}); });
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code(), Errc::conflict);
    EXPECT_NE(taken.error().message().find("one"), std::string::npos);
    // Free again once its group lets go of it.
    ASSERT_TRUE(store->transact_now([](Tx& tx) { return tx.group_certificates().replace("one", {"AA"}); }));
    EXPECT_TRUE(store->transact_now([](Tx& tx) { return tx.group_certificates().replace("two", {"BB"}); }));
}

TEST_P(StoreTest, ADeviceTakesItsModulesWithIt) {
    auto store = open_store();
    ASSERT_TRUE(store->transact_now([](Tx& tx) -> Result<> {
        for (const auto* module : {"", "$edgeAgent", "m"}) {
            IdentityRecord record;
            record.device_id = "d";
            record.module_id = module;
            MUSTER_CHECK(tx.identities().insert(record));
        }
        return {};
    }));
    auto twice = store->transact_now([](Tx& tx) {
        IdentityRecord record;
        record.device_id = "d";
        return tx.identities().insert(record);
    });
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().code(), Errc::already_exists);
    ASSERT_TRUE(store->transact_now([](Tx& tx) -> Result<> {
        MUSTER_TRY(const auto modules, tx.identities().list_modules("d"));
        EXPECT_EQ(modules.size(), 2u);
        MUSTER_TRY(const auto erased, tx.identities().erase("d"));
        EXPECT_TRUE(erased);
        MUSTER_TRY(const auto left, tx.identities().count_modules());
        EXPECT_EQ(left, 0);
        return {};
    }));
}

TEST_P(StoreTest, TheOutboxGivesWhatIsDueOldestFirst) {
    auto store = open_store();
    const auto at = [](int seconds) { return TimePoint(std::chrono::seconds(seconds)); };
    const auto put = [&](std::string key, std::string queue, int due) {
        return net::run_blocking(store->transact([&](Tx& tx) {
            return tx.outbox().put({.key = key, .id = "1", .queue = queue, .body = "{}", .due = at(due)});
        }));
    };
    ASSERT_TRUE(put("a", "hub/x", 30));
    ASSERT_TRUE(put("b", "hub/x", 10));
    ASSERT_TRUE(put("c", "hub/y", 20));
    ASSERT_TRUE(put("d", "hub/x", 99));
    ASSERT_TRUE(put("b", "hub/x", 40));  // takes the place of the former
    const auto assignment = [&](std::string key, int created) {
        return net::run_blocking(store->transact([&](Tx& tx) {
            return tx.outbox().put(
                {.key = key, .id = "1", .queue = "hub/x", .body = "{}", .due = at(999), .created = at(created)});
        }));
    };
    ASSERT_TRUE(assignment("assign/1", 7));
    ASSERT_TRUE(assignment("assign/2", 6));
    ASSERT_TRUE(assignment("assign/3", 8));
    const auto seen = net::run_blocking(store->read([&](Tx& tx) -> Result<std::vector<std::string>> {
        std::vector<std::string> keys;
        MUSTER_TRY(const auto due, tx.outbox().due("hub/x", at(50), 10));
        for (const auto& record : due) keys.push_back(record.key);
        MUSTER_TRY(const auto long_waiting, tx.outbox().assignments_before("hub/x", at(8), 10));
        for (const auto& record : long_waiting) keys.push_back(record.key);
        MUSTER_TRY(const auto queues, tx.outbox().queues());
        keys.insert(keys.end(), queues.begin(), queues.end());
        MUSTER_TRY(const auto count, tx.outbox().count("hub/x", 2));
        MUSTER_TRY(const auto next, tx.outbox().next_due("hub/y"));
        keys.push_back(fmt::format("{} {}", count, next == at(20)));
        return keys;
    }));
    ASSERT_TRUE(seen) << seen.error().chain();
    EXPECT_EQ(*seen, (std::vector<std::string>{"a", "b", "assign/2", "assign/1", "hub/x", "hub/y", "2 true"}));
    EXPECT_TRUE(*net::run_blocking(store->transact([](Tx& tx) { return tx.outbox().erase("c"); })));
    EXPECT_FALSE(*net::run_blocking(store->transact([](Tx& tx) { return tx.outbox().erase("c"); })));
}

TEST_P(StoreTest, HubsAreKeptByNameWithoutCase) {
    auto store = open_store();
    const auto found = net::run_blocking(store->transact([](Tx& tx) -> Result<std::optional<LinkedHubRecord>> {
        MUSTER_CHECK(tx.linked_hubs().put({.name = "B.example", .etag = "1", .key = "AAAA", .weight = 3}));
        MUSTER_CHECK(tx.linked_hubs().put({.name = "b.EXAMPLE", .etag = "2", .key = "AAAA", .weight = 5}));
        MUSTER_CHECK(tx.linked_hubs().put({.name = "", .etag = "3", .allocates = false}));
        MUSTER_TRY(const auto all, tx.linked_hubs().list());
        if (all.size() != 2 || !all[0].name.empty() || all[0].allocates) return fail(Errc::internal, "another list");
        return tx.linked_hubs().find("b.example");
    }));
    ASSERT_TRUE(found && *found) << found.error().chain();
    EXPECT_EQ((*found)->weight, 5);
    EXPECT_TRUE((*found)->allocates);
}

// Pages go on from a key: both databases must agree on what comes after it, whatever their locale.
TEST_P(StoreTest, KeysAreOrderedByTheirBytes) {
    auto store = open_store();
    const std::vector<std::string> ids = {"a", "B",      "-x", "_x",     "~x", "x-1", "x_1", "x1", "x.1", "xa",
                                          "X", "\u00e9", "z",  "\u4e2d", ".",  "x",   "x:1", "A",  "0"};
    ASSERT_TRUE(store->transact_now([&](Tx& tx) -> Result<> {
        for (const auto& id : ids) {
            IdentityRecord record;
            record.device_id = id;
            MUSTER_CHECK(tx.identities().insert(record));
        }
        return {};
    }));
    auto expected = ids;
    std::ranges::sort(expected);
    std::vector<std::string> seen;
    for (std::string after; seen.size() < ids.size();) {
        const auto page =
            net::run_blocking(store->read([&](Tx& tx) { return tx.identities().list_devices({after, 3}); }));
        ASSERT_TRUE(page && !page->empty());
        for (const auto& record : *page) seen.push_back(record.device_id);
        after = seen.back();
    }
    EXPECT_EQ(seen, expected);
}

TEST_P(StoreTest, WhatIsEmptyIsNotNothing) {
    auto store = open_store();
    auto driver = database_.open();
    ASSERT_TRUE(driver->write_now([](Session& session) -> Result<> {
        MUSTER_CHECK(session.script("CREATE TABLE t (id INTEGER PRIMARY KEY, b BYTEA, s TEXT)"));
        MUSTER_CHECK(session.execute("INSERT INTO t (id, b, s) VALUES ($1, $2, $3)", {1, Bytes(), std::string_view()}));
        MUSTER_CHECK(session.execute("INSERT INTO t (id, b, s) VALUES ($1, $2, $3)", {2, nullptr, nullptr}));
        MUSTER_CHECK(session.execute("INSERT INTO t (id, b, s) VALUES ($1, $2, $3)",
                                     {3, Bytes({0, 255, 0}), "\\x00 'quoted' \"\u00e9\" \n\t\x01"}));
        MUSTER_CHECK(session.execute("INSERT INTO t (id, b, s) VALUES ($1, $2, $3)",
                                     {std::numeric_limits<std::int64_t>::min(), nullptr, "least"}));
        return {};
    }));
    std::string seen;
    ASSERT_TRUE(driver->write_now([&](Session& session) {
        return session.query("SELECT id, b, s FROM t ORDER BY id", {}, [&](const Row& row) {
            seen += fmt::format("{} {} {} {} {}|", row.integer(0), row.is_null(1), row.byte_vector(1).size(),
                                row.is_null(2), row.string(2));
        });
    }));
    EXPECT_EQ(seen,
              "-9223372036854775808 true 0 false least|1 false 0 false |2 true 0 true |3 false 3 false \\x00 'quoted' "
              "\"\u00e9\" \n\t\x01|");
}

// What strangers sent stands in records, too: no database may stumble over it.
TEST_P(StoreTest, TextThatIsNoTextIsKeptAndFoundAgain) {
    auto store = open_store();
    const std::string odd("a\0b\xff\xc3(\xed\xa0\x80 \u00e9", 12);
    ASSERT_TRUE(store->transact_now([&](Tx& tx) -> Result<> {
        MUSTER_CHECK(tx.marks().put(odd, 1));
        return tx.registrations().put({.id = odd, .status = "failed", .error_message = odd});
    }));
    const auto found = net::run_blocking(store->read([&](Tx& tx) { return tx.registrations().find(odd); }));
    ASSERT_TRUE(found && *found);
    EXPECT_TRUE((*found)->error_message == odd ||
                (*found)->error_message == "a\\x00b\\xff\\xc3(\\xed\\xa0\\x80 \u00e9");
    EXPECT_EQ(net::run_blocking(store->read([&](Tx& tx) { return tx.marks().find(odd); })).value(), 1);
}

}  // namespace
}  // namespace muster::store
