// What SQLite alone does.
#include "store/sqlite_driver.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "store/sqlite_connection.h"
#include "store/store.h"

namespace muster::store {
namespace {

class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "muster-store-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

std::unique_ptr<Store> open_store(const std::filesystem::path& file) {
    auto driver = SqliteDriver::open(file);
    EXPECT_TRUE(driver) << driver.error().chain();
    auto store = Store::open(std::move(*driver));
    EXPECT_TRUE(store) << store.error().chain();
    return std::move(*store);
}

TEST(SqliteDriver, TheDatabaseIsForItsOwnerAlone) {
    const TemporaryDirectory dir;
    auto store = open_store(dir / "muster.db");
    using std::filesystem::perms;
    EXPECT_EQ(std::filesystem::status(dir / "muster.db").permissions(), perms::owner_read | perms::owner_write);
}

TEST(SqliteDriver, RefusesADatabaseOfALaterVersion) {
    const TemporaryDirectory dir;
    open_store(dir / "muster.db").reset();
    {
        auto connection = SqliteConnection::open(dir / "muster.db", false);
        ASSERT_TRUE(connection);
        ASSERT_TRUE((*connection)->script("UPDATE schema_version SET version = 9999"));
    }
    auto driver = SqliteDriver::open(dir / "muster.db");
    ASSERT_TRUE(driver);
    const auto store = Store::open(std::move(*driver));
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code(), Errc::unsupported);
    EXPECT_NE(store.error().message().find("9999"), std::string::npos);
}

TEST(SqliteDriver, AFullDatabaseIsUnavailableAndLosesNothing) {
    const TemporaryDirectory dir;
    {
        auto connection = SqliteConnection::open(dir / "full.db", false);
        ASSERT_TRUE(connection);
        ASSERT_TRUE((*connection)->script("CREATE TABLE t (x TEXT); PRAGMA max_page_count=10;"));
        auto filled = Result<std::int64_t>(0);
        for (int i = 0; i < 100 && filled; ++i)
            filled = (*connection)->execute("INSERT INTO t (x) VALUES ($1)", {std::string(2000, 'x')});
        ASSERT_FALSE(filled);
        EXPECT_EQ(filled.error().code(), Errc::unavailable);
        EXPECT_FALSE(filled.error().hint().empty());
    }
}

TEST(SqliteDriver, ParametersOutOfOrderAreADefectThatShows) {
    const TemporaryDirectory dir;
    auto connection = SqliteConnection::open(dir / "x.db", false);
    ASSERT_TRUE(connection);
    const auto wrong = (*connection)->execute("SELECT $2, $1", {1, 2});
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code(), Errc::internal);
}

}  // namespace
}  // namespace muster::store
