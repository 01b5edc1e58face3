// What an operator hears of a database that cannot be used, and what mends it.
#include "postgres_fixture.h"
#include "store/postgres_announcement.h"
#include "store/postgres_dialect.h"

namespace muster::store {
namespace {

class PostgresOpen : public PostgresTest {
protected:
    static Error refusal(PostgresSettings settings) {
        auto driver = PostgresDriver::open(std::move(settings));
        EXPECT_FALSE(driver);
        return driver ? Error(Errc::internal, "it was opened") : driver.error();
    }
};

TEST_F(PostgresOpen, SettingsAreCheckedFirst) {
    EXPECT_EQ(check({.connection = "host"}).error().code(), Errc::invalid_argument);
    EXPECT_EQ(check({.connection = "hots=a"}).error().code(), Errc::invalid_argument);
    EXPECT_EQ(check({.connection = "host=a", .connections = 0}).error().code(), Errc::invalid_argument);
    EXPECT_EQ(check({.connection = "host=a", .connections = 65}).error().code(), Errc::invalid_argument);
    EXPECT_TRUE(check({.connection = "host=a dbname=b"}));
    for (const auto* secret :
         {"host=a password=my s3cret", "postgresql://u:s3cret@[::1", "postgresql://u:p@a/b?s3cret=="}) {
        const auto checked = check({.connection = secret});
        ASSERT_FALSE(checked);
        EXPECT_EQ(checked.error().chain().find("s3cret"), std::string::npos) << checked.error().chain();
    }
    EXPECT_TRUE(check({.connection = "postgresql://user@a,b:5433/muster?sslmode=verify-full"}));
}

TEST_F(PostgresOpen, ADatabaseThatIsNotThere) {
    const auto error = refusal(server_->settings(server_->connection("nowhere")));
    EXPECT_EQ(error.code(), Errc::unavailable);
    EXPECT_NE(error.message().find("nowhere at "), std::string::npos) << error.chain();
    EXPECT_NE(error.hint().find("createdb"), std::string::npos) << error.hint();
}

TEST_F(PostgresOpen, AServerThatIsNotThere) {
    const auto error = refusal({.connection = "host=/nowhere/at/all dbname=muster user=muster"});
    EXPECT_EQ(error.code(), Errc::unavailable);
    EXPECT_NE(error.hint().find("createuser"), std::string::npos) << error.hint();
}

TEST_F(PostgresOpen, AUserThatIsNotThere) {
    const auto error = refusal({.connection = connection_ + " user=stranger"});
    EXPECT_NE(error.hint().find("createuser --pwprompt stranger"), std::string::npos) << error.hint();
}

TEST_F(PostgresOpen, ThePasswordIsInNoError) {
    auto wrong = server_->settings(server_->connection("nowhere"));
    wrong.password = [] { return Result<Secret>(Secret(std::string_view("s3cret"))); };
    const auto error = refusal(wrong);
    EXPECT_EQ(error.chain().find("s3cret"), std::string::npos);
    EXPECT_EQ(error.hint().find("s3cret"), std::string::npos);
    const auto in_string = refusal(server_->settings(server_->connection("nowhere") + " password=s3cret"));
    EXPECT_EQ(in_string.chain().find("s3cret"), std::string::npos);
}

TEST_F(PostgresOpen, APasswordThatCannotBeReadIsTheReason) {
    auto unreadable = settings();
    unreadable.password = []() -> Result<Secret> { return fail(Errc::io, "no such file"); };
    EXPECT_EQ(refusal(unreadable).code(), Errc::io);
}

TEST_F(PostgresOpen, AnotherEncodingThanUtf8IsRefused) {
    const auto other = server_->make_database("TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'");
    const auto error = refusal(server_->settings(other));
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_NE(error.message().find("SQL_ASCII"), std::string::npos);
}

TEST_F(PostgresOpen, TheFirstHostThatCanBeWrittenToIsTaken) {
    auto several = settings();
    several.connection.replace(several.connection.find("host="), 5, "host=/nowhere/at/all,");
    EXPECT_TRUE(PostgresDriver::open(several));
}

TEST_F(PostgresOpen, AUserWhoMayNotMakeTablesIsToldWhatMendsIt) {
    sql("CREATE ROLE guest LOGIN");
    sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    auto driver = open(server_->settings(connection_ + " user=guest"));
    const auto store = Store::open(std::move(driver));
    ASSERT_FALSE(store);
    EXPECT_NE(store.error().hint().find("OWNER TO"), std::string::npos) << store.error().chain();
}

TEST_F(PostgresOpen, NodesThatStartAtOnceMakeOneSchema) {
    std::vector<std::thread> nodes;
    std::atomic<int> opened = 0;
    for (int i = 0; i < 4; ++i)
        nodes.emplace_back([&] {
            if (open_store(settings(1))) ++opened;
        });
    for (auto& node : nodes) node.join();
    EXPECT_EQ(opened, 4);
    EXPECT_EQ(sql("SELECT count(*) FROM schema_version"), "1");
    EXPECT_EQ(sql("SELECT count(*) FROM journal_sequence"), "1");
}

TEST_F(PostgresOpen, ADatabaseOfALaterVersionIsRefused) {
    ASSERT_TRUE(open_store(settings(1)));
    sql("UPDATE schema_version SET version = 9999");
    const auto store = Store::open(open(settings(1)));
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code(), Errc::unsupported);
    EXPECT_NE(store.error().message().find("9999"), std::string::npos);
}

TEST(PostgresDialect, TextIsOrderedByItsBytesAndIntegersAreBig) {
    EXPECT_EQ(postgres_dialect("CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT NOT NULL DEFAULT 'TEXT')"),
              "CREATE TABLE t (id BIGINT PRIMARY KEY, s TEXT COLLATE \"C\" NOT NULL DEFAULT 'TEXT')");
    EXPECT_EQ(postgres_dialect("TEXTS CONTEXT context_TEXT BIGINT"), "TEXTS CONTEXT context_TEXT BIGINT");
    EXPECT_EQ(postgres_dialect("x TEXT DEFAULT 'open"), "x TEXT COLLATE \"C\" DEFAULT 'open");
    EXPECT_EQ(postgres_dialect(""), "");
}

TEST(PostgresAnnouncement, IsHeardByOthersAlone) {
    for (const auto topic : all_topics) {
        EXPECT_EQ(heard_topic(announcement("me", topic), "you"), topic);
        EXPECT_EQ(heard_topic(announcement("me", topic), "me"), std::nullopt);
    }
    for (const auto* other : {"", "you", "you groups of", "you topics-of-a-later-version", " groups "})
        EXPECT_EQ(heard_topic(other, "me"), std::nullopt) << other;
}

}  // namespace
}  // namespace muster::store
