// Archives are read back by Info-ZIP's unzip.
#include "edge/support/zip_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>

namespace muster::edge::support {
namespace {

using ::testing::HasSubstr;

std::string output_of(const std::string& command) {
    std::string text;
    FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
    std::array<char, 4096> buffer{};
    for (std::size_t got; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
        text.append(buffer.data(), got);
    ::pclose(pipe);
    return text;
}

TEST(Zip, IsWhatUnzipReads) {
    if (!std::filesystem::exists("/usr/bin/unzip")) GTEST_SKIP() << "unzip is not installed: archives are NOT tested";
    const std::filesystem::path path = ::testing::TempDir() + "muster-zip-test.zip";
    const auto time = parse_utc("2026-11-26T17:05:08Z").value();
    {
        auto zip = ZipFile::create(path);
        ASSERT_TRUE(zip) << zip.error().chain();
        ASSERT_TRUE(zip->add("logs/a.txt", std::string(100'000, 'x'), time));
        ASSERT_TRUE(zip->add("empty.txt", "", time));
        ASSERT_TRUE(zip->finish());
    }
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
    EXPECT_LT(status.st_size, 5000);
    EXPECT_THAT(output_of("unzip -t " + path.string()), HasSubstr("No errors detected"));
    EXPECT_THAT(output_of("unzip -l " + path.string()), HasSubstr("2026-11-26 17:05   logs/a.txt"));
    EXPECT_EQ(output_of("unzip -p " + path.string() + " logs/a.txt").size(), 100'000U);
    std::filesystem::remove(path);
}

TEST(Zip, FollowsNoLinkAndKeepsNoWiderMode) {
    const std::filesystem::path path = ::testing::TempDir() + "muster-zip-mode.zip";
    const std::filesystem::path link = ::testing::TempDir() + "muster-zip-link.zip";
    std::filesystem::remove(path);
    std::filesystem::remove(link);
    const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY, 0600);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(::write(fd, "what was there before", 21), 21);
    ASSERT_EQ(::fchmod(fd, 0666), 0);
    ::close(fd);
    std::filesystem::create_symlink(path, link);
    EXPECT_EQ(ZipFile::create(link).error().code(), Errc::conflict);
    EXPECT_EQ(std::filesystem::file_size(path), 21U) << "nothing came of the link";
    EXPECT_EQ(ZipFile::create("/dev/null").error().code(), Errc::conflict);
    {
        auto zip = ZipFile::create(path);
        ASSERT_TRUE(zip) << zip.error().chain();
        ASSERT_TRUE(zip->finish());
    }
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
    std::filesystem::remove(path);
    std::filesystem::remove(link);
}

TEST(Zip, IsGoneWhenItWasNotFinished) {
    const std::filesystem::path path = ::testing::TempDir() + "muster-zip-half.zip";
    {
        auto zip = ZipFile::create(path);
        ASSERT_TRUE(zip);
        ASSERT_TRUE(zip->add("a", "b", TimePoint{}));
    }
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_FALSE(ZipFile::create("/nowhere/x.zip"));
}

}  // namespace
}  // namespace muster::edge::support
