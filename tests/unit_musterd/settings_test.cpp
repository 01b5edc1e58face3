#include "musterd/settings.h"

#include "directory_fixture.h"
#include "musterd/database.h"

namespace muster::musterd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SettingsTest : public DirectoryTest {
protected:
    Loaded load(std::string_view toml) {
        const auto path = write("config.toml", toml);
        auto loaded = load_settings({.config = path.string()});
        EXPECT_TRUE(loaded) << why(loaded);
        return std::move(*loaded);
    }
    // All that is wrong, each on its line.
    std::string problems(std::string_view toml) {
        std::string all;
        for (const auto& problem : load(toml).problems) all += problem.text() + " | " + problem.hint + "\n";
        return all;
    }
};

TEST_F(SettingsTest, WithoutASectionTheStoreIsInTheDataDirectory) {
    EXPECT_FALSE(load("").settings.postgres);
    const auto empty = load("[store]\n");
    EXPECT_THAT(empty.problems, IsEmpty());
    EXPECT_FALSE(empty.settings.postgres);
}

TEST_F(SettingsTest, ADatabaseThatSeveralShare) {
    const auto password = write("password", "the secret\r\nmore\n");
    const auto loaded = load(fmt::format(R"(
host_name = "Muster.Plant.example"
[store]
postgresql = "host=db.plant.example dbname=muster user=muster sslmode=verify-full"
password_file = "{}"
connections = 3
)",
                                         password.string()));
    ASSERT_THAT(loaded.problems, IsEmpty()) << loaded.problems.front().text();
    const auto& postgres = loaded.settings.postgres;
    ASSERT_TRUE(postgres);
    EXPECT_EQ(postgres->connections, 3u);
    EXPECT_EQ(loaded.settings.host_name, "muster.plant.example");
    EXPECT_EQ(postgres->password()->text(), "the secret");
    // Changed while musterd runs.
    write("password", "another");
    EXPECT_EQ(postgres->password()->text(), "another");
}

TEST_F(SettingsTest, WhatIsWrongWithItIsSaidWithItsLine) {
    EXPECT_THAT(problems("host_name = \"h\"\n[store]\npostgresql = \"nonsense\"\n"),
                AllOf(HasSubstr("config.toml:3: store.postgresql:"), HasSubstr("host=db.example")));
    EXPECT_THAT(problems("host_name = \"h\"\n[store]\npostgres = \"dbname=x\"\n"),
                AllOf(HasSubstr(":3: store.postgres:"), HasSubstr("postgresql")));
    EXPECT_THAT(problems("host_name = \"h\"\n[store]\npostgresql = \"dbname=x\"\nconnections = 0\n"),
                HasSubstr(":4: store.connections:"));
    EXPECT_THAT(problems("[store]\npostgresql = \"dbname=x\"\n"), HasSubstr("host_name: is missing"));
    EXPECT_THAT(problems("[store]\nconnections = 4\n"), HasSubstr(":2: store.connections: says nothing without"));
    EXPECT_THAT(
        problems("host_name = \"h\"\n[limits]\nstore_cache_bytes = 2000000\n[store]\npostgresql = \"dbname=x\"\n"),
        AllOf(HasSubstr(":3: limits.store_cache_bytes:"), HasSubstr("shared_buffers")));
}

TEST_F(SettingsTest, ALimitIsANumberOrOff) {
    EXPECT_EQ(load("[throttle]\nregistrations = \"off\"\noperations = 5\n").settings.throttle.operations, 5u);
    EXPECT_THAT(problems("[throttle]\nregistrations = \"60\"\n"),
                AllOf(HasSubstr(":2: throttle.registrations: '60' is neither a number nor \"off\""),
                      HasSubstr("without quotes")));
    EXPECT_THAT(problems("[throttle]\ngroups.plant = -4\n"), HasSubstr(":2: throttle.groups.plant:"));
}

TEST_F(SettingsTest, ThePasswordIsNobodyElses) {
    const auto with = [&](const std::filesystem::path& file) {
        return problems(fmt::format("host_name = \"h\"\n[store]\npostgresql = \"dbname=x\"\npassword_file = \"{}\"\n",
                                    file.string()));
    };
    EXPECT_THAT(
        with(write("for-all", "secret\n", 0644)),
        AllOf(HasSubstr(":4: store.password_file:"), HasSubstr("chmod 0600"), ::testing::Not(HasSubstr("secret"))));
    EXPECT_THAT(with(write("for-the-group", "secret\n", 0640)), IsEmpty());
    EXPECT_THAT(with(directory_ / "nowhere"), HasSubstr("No such file"));
    EXPECT_THAT(with(write("empty", "\nsecret\n")), AllOf(HasSubstr("is empty"), ::testing::Not(HasSubstr("secret"))));
}

TEST_F(SettingsTest, TheCacheOfSqliteFollowsTheMachine) {
    const auto usual = load("").settings.store_cache;
    EXPECT_GE(usual, std::size_t{16} << 20);
    EXPECT_LE(usual, std::size_t{256} << 20);
    EXPECT_EQ(load("[limits]\nstore_cache_bytes = 2000000\n").settings.store_cache, 2'000'000u);
}

}  // namespace
}  // namespace muster::musterd
