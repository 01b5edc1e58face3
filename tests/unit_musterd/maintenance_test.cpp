// A service that moves from SQLite to PostgreSQL.
#include "musterd/maintenance.h"

#include "directory_fixture.h"
#include "musterd/database.h"
#include "musterd/shared_files.h"
#include "store/postgres_driver.h"
#include "store/sqlite_driver.h"
#include "support/postgres_server.h"

namespace muster::musterd {
namespace {

using ::testing::HasSubstr;

class MaintenanceTest : public DirectoryTest {
protected:
    void SetUp() override {
        auto* server = test::PostgresServer::get();
        if (server == nullptr) GTEST_SKIP() << test::PostgresServer::absent;
        settings_.data_dir = directory_ / "data";
        settings_.host_name = "hub.example";
        settings_.store_cache = 1 << 20;
        settings_.postgres = server->settings(server->make_database(), 2);
    }
    // A service on SQLite with a group and a key of an authority; its id scope.
    std::string make_service() {
        SystemClock clock;
        SystemRandom random;
        const auto data = open_data_directory(settings_.data_dir);
        auto store = store::Store::open(*store::SqliteDriver::open(data->file("muster.db")));
        EXPECT_TRUE((*store)->transact_now([](store::Tx& tx) {
            return tx.enrollment_groups().put({.id = "plant", .etag = "e", .body = "{}", .primary_certificate = {}});
        }));
        write("data/authority/root.key.pem", "the root's key");
        const auto files = own_service_files(*data, wanted_by(settings_), clock, random);
        EXPECT_TRUE(files) << why(files);
        return files->id_scope;
    }

    Settings settings_;
};

TEST_F(MaintenanceTest, TheServiceIsTheSameAfterwards) {
    const auto scope = make_service();
    const auto policies = content(directory_ / "data/access-policies.json");
    const auto copied = copy_to_postgresql(settings_);
    ASSERT_TRUE(copied) << why(copied);
    EXPECT_THAT(*copied, HasSubstr(" records, "));
    EXPECT_FALSE(std::filesystem::exists(directory_ / "data/muster.db"));
    EXPECT_TRUE(std::filesystem::exists(directory_ / "data/muster.db.copied"));

    EXPECT_FALSE(check_not_shared(*open_data_directory(settings_.data_dir))) << "nor is it begun anew by accident";

    // On another machine, too.
    SystemClock clock;
    SystemRandom random;
    for (const auto* name : {"data", "other"}) {
        const auto store = store::Store::open(*store::PostgresDriver::open(*settings_.postgres));
        const auto data = open_data_directory(directory_ / name);
        const auto files = SharedFiles(**store, *data, clock, random).join(wanted_by(settings_));
        ASSERT_TRUE(files) << why(files);
        EXPECT_EQ(files->id_scope, scope);
        EXPECT_EQ(content(data->file("access-policies.json")), policies);
        EXPECT_TRUE((*store)->transact_now([](store::Tx& tx) -> Result<> {
            EXPECT_TRUE(*tx.enrollment_groups().find("plant"));
            EXPECT_TRUE(*tx.shared_files().find("authority/root.key.pem"));
            return {};
        }));
    }
    // Nor a second time.
    std::filesystem::rename(directory_ / "data/muster.db.copied", directory_ / "data/muster.db");
    const auto again = copy_to_postgresql(settings_);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code(), Errc::conflict);
}

TEST_F(MaintenanceTest, WhatIsMissingIsSaid) {
    EXPECT_THAT(why(copy_to_postgresql(settings_)), HasSubstr("muster.db"));
    EXPECT_THAT(why(take_host_name(settings_)), HasSubstr("empty"));
    make_service();
    const auto running = open_data_directory(settings_.data_dir);
    EXPECT_THAT(why(copy_to_postgresql(settings_)), HasSubstr("another musterd"));
    settings_.postgres.reset();
    EXPECT_THAT(why(copy_to_postgresql(settings_)), HasSubstr("[store]"));
    EXPECT_THAT(why(take_host_name(settings_)), HasSubstr("[store]"));
}

TEST_F(MaintenanceTest, AServiceWithoutAllItsFilesIsNotCopied) {
    make_service();
    std::filesystem::remove(directory_ / "data/webhook.key");
    EXPECT_THAT(why(copy_to_postgresql(settings_)), HasSubstr("webhook.key"));
    EXPECT_TRUE(std::filesystem::exists(directory_ / "data/muster.db"));
}

}  // namespace
}  // namespace muster::musterd
