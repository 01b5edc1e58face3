// A store taken from SQLite to another database.
#include "store/copy.h"

#include <gmock/gmock.h>

#include "store/store.h"
#include "support/test_database.h"

namespace muster::store {
namespace {

using ::testing::HasSubstr;

class CopyTest : public ::testing::TestWithParam<test::DatabaseKind> {
protected:
    void SetUp() override {
        if (to_.absent()) GTEST_SKIP() << test::PostgresServer::absent;
    }
    // The schema, and what `write` puts there.
    static void fill(test::TestDatabase& database, const std::function<Result<>(Tx&)>& write) {
        auto store = Store::open(database.open());
        ASSERT_TRUE(store) << store.error().chain();
        const auto written = (*store)->transact_now(write);
        ASSERT_TRUE(written) << written.error().chain();
    }
    Result<std::int64_t> copy(const std::function<Result<>(Tx&)>& also = [](Tx&) { return Result<>(); }) {
        fill(to_, [](Tx&) { return Result<>(); });
        const auto from = from_.open();
        const auto to = to_.open();
        return copy_records(*from, *to, also);
    }
    void look(const std::function<void(Tx&)>& see) {
        fill(to_, [&](Tx& tx) -> Result<> {
            see(tx);
            return {};
        });
    }
    static EnrollmentRecord group(const std::string& id) {
        return {.id = id, .etag = "e", .body = "{}", .primary_certificate = {}};
    }

    test::TestDatabase from_{test::DatabaseKind::sqlite};
    test::TestDatabase to_{GetParam()};
};

TEST_P(CopyTest, EverythingComesAlong) {
    constexpr int devices = 500;
    const Bytes odd{0, 0xFF, '\'', 0x80};
    fill(from_, [&](Tx& tx) -> Result<> {
        MUSTER_CHECK(tx.enrollment_groups().put(group("plant")));
        for (int i = 0; i < devices; ++i) {
            IdentityRecord identity{.device_id = fmt::format("dévice '{}'", i)};
            MUSTER_CHECK(tx.identities().insert(identity));
            MUSTER_CHECK(
                tx.journal().append({.time = TimePoint(Micros(i)), .type = "t", .subject = identity.device_id}));
        }
        MUSTER_CHECK(tx.marks().put("some.mark", 7));
        MUSTER_CHECK(tx.group_crls().put({.group_id = "plant", .issuer = "AA", .list = odd, .certificate = {}}));
        return tx.issuing_authorities().put({"FF", "pem", true, TimePoint(Micros(1))});
    });
    const auto copied =
        copy([](Tx& tx) { return tx.shared_files().put({.name = "id-scope", .content = Secret("x")}); });
    ASSERT_TRUE(copied) << copied.error().chain();
    EXPECT_GE(*copied, 2 * devices + 3);
    look([&](Tx& tx) {
        EXPECT_TRUE(*tx.enrollment_groups().find("plant"));
        EXPECT_EQ(tx.identities().count_devices()->begin()->second, devices);
        EXPECT_TRUE(*tx.identities().find("dévice '7'"));
        EXPECT_EQ(*tx.journal().newest(), devices);
        EXPECT_EQ(tx.journal().after(10, 1)->front().subject, "dévice '10'");
        EXPECT_EQ(**tx.marks().find("some.mark"), 7);
        const auto list = tx.group_crls().find("plant", "AA");
        ASSERT_TRUE(list && *list);
        EXPECT_EQ((*list)->list, odd);
        EXPECT_TRUE((*list)->certificate.empty());
        EXPECT_TRUE(tx.issuing_authorities().list()->front().active);
        EXPECT_TRUE(*tx.shared_files().find("id-scope"));
    });
}

TEST_P(CopyTest, OnlyIntoAnEmptyDatabase) {
    fill(from_, [&](Tx& tx) { return tx.enrollment_groups().put(group("plant")); });
    fill(to_, [&](Tx& tx) { return tx.enrollment_groups().put(group("other")); });
    const auto copied = copy();
    ASSERT_FALSE(copied);
    EXPECT_EQ(copied.error().code(), Errc::conflict);
    EXPECT_THAT(copied.error().chain(), HasSubstr("enrollment_group"));
    look([](Tx& tx) { EXPECT_FALSE(*tx.enrollment_groups().find("plant")); });
}

TEST_P(CopyTest, AllOrNothing) {
    fill(from_, [&](Tx& tx) { return tx.enrollment_groups().put(group("plant")); });
    const auto copied = copy([](Tx&) -> Result<> { return fail(Errc::io, "a file cannot be read"); });
    ASSERT_FALSE(copied);
    EXPECT_EQ(copied.error().code(), Errc::io);
    look([](Tx& tx) { EXPECT_EQ(*tx.enrollment_groups().count(), 0); });
}

INSTANTIATE_TEST_SUITE_P(Both, CopyTest, ::testing::Values(test::DatabaseKind::sqlite, test::DatabaseKind::postgresql),
                         test::name_of);

}  // namespace
}  // namespace muster::store
