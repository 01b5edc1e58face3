#include "edge/config/access.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <fstream>

namespace muster::edge {
namespace {

using ::testing::HasSubstr;

class AccessTest : public ::testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/muster-access-XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        root_ = name;
        chmod(root_.c_str(), 0755);
        std::filesystem::create_directories(root_ / "dir");
        file_ = root_ / "dir" / "key.pem";
        std::ofstream(file_) << "x";
        modes(0755, 0644);
    }
    void TearDown() override { std::filesystem::remove_all(root_); }

    void modes(mode_t directory, mode_t file) const {
        chmod(file_.parent_path().c_str(), directory);
        chmod(file_.c_str(), file);
    }
    std::optional<AccessFault::Kind> fault(const Identity& who) const {
        const auto found = access_faults(file_, who);
        return found.empty() ? std::nullopt : std::optional(found.front().kind);
    }

    std::filesystem::path root_;
    std::filesystem::path file_;
    Identity stranger_{"aziotks", "aziotks", 54321, {54321}};
    Identity group_mate_{"aziotks", "aziotks", 54321, {54321, getegid()}};
    Identity owner_{"me", "me", geteuid() == 0 ? 0U : geteuid(), {getegid()}};
};

TEST_F(AccessTest, TheClassThatFitsDecides) {
    EXPECT_EQ(fault(stranger_), std::nullopt);
    modes(0755, 0640);
    EXPECT_EQ(fault(stranger_), AccessFault::Kind::not_readable);
    EXPECT_EQ(fault(group_mate_), std::nullopt);
    // The group's bits count for its members even where others are better off.
    modes(0755, 0604);
    EXPECT_EQ(fault(stranger_), std::nullopt);
    EXPECT_EQ(fault(group_mate_), AccessFault::Kind::not_readable);
}

TEST_F(AccessTest, ADirectoryInTheWayIsNamed) {
    modes(0700, 0600);
    const auto found = access_faults(file_, stranger_);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].kind, AccessFault::Kind::not_searchable);
    EXPECT_EQ(found[0].at, file_.parent_path());
    EXPECT_THAT(found[0].explanation, HasSubstr("aziotks may not pass through the directory"));
    EXPECT_THAT(found[0].explanation, HasSubstr("mode 0700"));
    EXPECT_EQ(found[1].kind, AccessFault::Kind::not_readable);
}

TEST_F(AccessTest, SymbolicLinksAreFollowed) {
    std::filesystem::create_directories(root_ / "closed");
    std::ofstream(root_ / "closed" / "real.pem") << "x";
    chmod((root_ / "closed").c_str(), 0700);
    std::filesystem::remove(file_);
    std::filesystem::create_symlink(root_ / "closed" / "real.pem", file_);
    const auto found = access_faults(file_, stranger_);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].at, root_ / "closed");
}

TEST_F(AccessTest, WhatIsNotThereAndWhatIsNoFile) {
    std::filesystem::remove(file_);
    EXPECT_EQ(fault(stranger_), AccessFault::Kind::missing);
    std::filesystem::create_directories(file_);
    EXPECT_EQ(fault(stranger_), AccessFault::Kind::not_a_file);
    ASSERT_EQ(access_faults("/nonexistent/x/y", stranger_).size(), 1U);
    EXPECT_EQ(access_faults("/nonexistent/x/y", stranger_)[0].at, "/nonexistent");
}

TEST_F(AccessTest, ADeviceIsReadAndWritten) {
    EXPECT_TRUE(device_faults("/dev/null", stranger_).empty());
    EXPECT_EQ(device_faults(file_, stranger_).at(0).kind, AccessFault::Kind::not_a_file);
    // Readable by all, writable by its owner alone.
    const std::filesystem::path device = root_ / "dir" / "device";
    if (mknod(device.c_str(), S_IFCHR, makedev(1, 3)) != 0) GTEST_SKIP() << "only root makes devices";
    chmod(device.c_str(), 0644);
    EXPECT_EQ(device_faults(device, stranger_).at(0).kind, AccessFault::Kind::not_readable);
    EXPECT_THAT(device_faults(device, stranger_).at(0).explanation, HasSubstr("may not read and write"));
}

TEST_F(AccessTest, RootPassesEverywhere) {
    modes(0000, 0000);
    EXPECT_TRUE(access_faults(file_, Identity{"root", "root", 0, {0}}).empty());
    modes(0755, 0644);
}

TEST_F(AccessTest, TheTrialAgreesWithTheBits) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can try as another user";
    EXPECT_TRUE(read_faults(file_, stranger_).empty());
    modes(0755, 0600);
    EXPECT_FALSE(read_faults(file_, stranger_).empty());
    modes(0700, 0644);
    EXPECT_FALSE(read_faults(file_, stranger_).empty());
}

}  // namespace
}  // namespace muster::edge
