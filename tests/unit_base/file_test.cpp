#include "base/file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

namespace muster {
namespace {

using ::testing::HasSubstr;

class FileTest : public ::testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/muster-file-XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        directory_ = name;
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    mode_t mode_of(const std::filesystem::path& path) const {
        struct stat status{};
        EXPECT_EQ(stat(path.c_str(), &status), 0);
        return status.st_mode & 07777;
    }

    std::size_t entries() const {
        return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory_), {}));
    }

    std::filesystem::path directory_;
};

TEST_F(FileTest, WritesWholeWithModeAndLeavesNoTemporary) {
    const auto path = directory_ / "a";
    ASSERT_TRUE(write_file_atomic(path, "one", 0600));
    ASSERT_TRUE(write_file_atomic(path, "two", 0640));
    EXPECT_EQ(*read_file(path), "two");
    EXPECT_EQ(mode_of(path), 0640U);
    EXPECT_EQ(entries(), 1U);
}

TEST_F(FileTest, FailureKeepsTheOldContent) {
    const auto path = directory_ / "missing" / "a";
    const auto written = write_file_atomic(path, "x", 0600);
    ASSERT_FALSE(written);
    EXPECT_THAT(written.error().message(), HasSubstr("missing"));
}

TEST_F(FileTest, CreateRefusesWhatIsThere) {
    const auto path = directory_ / "a";
    ASSERT_TRUE(create_file(path, "one", 0600));
    const auto again = create_file(path, "two", 0600);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code(), Errc::already_exists);
    EXPECT_EQ(*read_file(path), "one");
    EXPECT_EQ(entries(), 1U);
}

TEST_F(FileTest, ReadHasALimitAndNamesDirectories) {
    const auto path = directory_ / "a";
    ASSERT_TRUE(write_file_atomic(path, "12345", 0600));
    EXPECT_EQ(read_file(path, 4).error().code(), Errc::too_large);
    EXPECT_TRUE(read_file(path, 5));
    EXPECT_THAT(read_file(directory_).error().message(), HasSubstr("is a directory"));
    EXPECT_EQ(read_file(directory_ / "none").error().code(), Errc::not_found);
}

TEST_F(FileTest, RemoveTakesAbsenceForDone) {
    const auto path = directory_ / "a";
    ASSERT_TRUE(write_file_atomic(path, "x", 0600));
    EXPECT_TRUE(remove_file(path));
    EXPECT_TRUE(remove_file(path));
    EXPECT_EQ(entries(), 0U);
}

TEST_F(FileTest, DirectoriesGetTheModeOnlyWhenNew) {
    ASSERT_TRUE(make_directories(directory_ / "x" / "y", 0700));
    EXPECT_EQ(mode_of(directory_ / "x" / "y"), 0700U);
    ASSERT_TRUE(make_directories(directory_ / "x" / "y", 0755));
    EXPECT_EQ(mode_of(directory_ / "x" / "y"), 0700U);
}

TEST_F(FileTest, DirectoriesThatCannotBeMade) {
    EXPECT_EQ(make_directories("/proc/nowhere/at/all", 0700).error().code(), Errc::not_found);
    ASSERT_TRUE(write_file_atomic(directory_ / "file", "x", 0600));
    EXPECT_EQ(make_directories(directory_ / "file", 0700).error().code(), Errc::conflict);
    EXPECT_FALSE(make_directories(directory_ / "file" / "below", 0700));
    EXPECT_TRUE(make_directories(directory_ / "slash" / "", 0700));
}

TEST_F(FileTest, ALockHasOneHolder) {
    const auto path = directory_ / "lock";
    auto held = FileLock::acquire(path);
    ASSERT_TRUE(held);
    const auto second = FileLock::acquire(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), Errc::conflict);
    EXPECT_THAT(second.error().message(), HasSubstr(std::to_string(getpid())));
    {
        const auto gone = std::move(*held);
    }
    EXPECT_TRUE(FileLock::acquire(path));
}

}  // namespace
}  // namespace muster
