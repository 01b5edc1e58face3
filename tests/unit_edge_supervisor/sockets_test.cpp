#include "edge/supervisor/sockets.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace muster::edge::supervisor {
namespace {

class SocketsTest : public ::testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/muster-sock-XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        root_ = name;
    }
    void TearDown() override { std::filesystem::remove_all(root_); }
    std::filesystem::path root_;
};

TEST_F(SocketsTest, IsThereWithItsModeAndGoes) {
    const auto path = root_ / "a.sock";
    {
        const auto socket = ListeningSocket::create(path, FileOwner{geteuid(), getegid()});
        ASSERT_TRUE(socket) << socket.error().chain();
        struct stat status{};
        ASSERT_EQ(stat(path.c_str(), &status), 0);
        EXPECT_TRUE(S_ISSOCK(status.st_mode));
        EXPECT_EQ(status.st_mode & 07777, 0660U);
    }
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(SocketsTest, OneThatIsServedIsLeftAlone) {
    const auto path = root_ / "a.sock";
    const auto first = ListeningSocket::create(path, {});
    ASSERT_TRUE(first);
    const auto second = ListeningSocket::create(path, {});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), Errc::conflict);
    EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(SocketsTest, WhatACrashLeftIsReplaced) {
    const auto path = root_ / "a.sock";
    std::ofstream(path) << "not a socket";
    EXPECT_TRUE(ListeningSocket::create(path, {}));
}

TEST_F(SocketsTest, ALongPathIsRefusedWithTheReason) {
    const auto made = ListeningSocket::create(root_ / std::string(120, 'x'), {});
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().message(), ::testing::HasSubstr("too long"));
}

}  // namespace
}  // namespace muster::edge::supervisor
