#include "musterd/notify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

namespace muster::musterd {
namespace {

// What systemd holds the other end of.
class Listener {
public:
    explicit Listener(const std::string& name) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, name.data(), name.size());
        if (name.front() == '@') address.sun_path[0] = '\0';
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size), 0);
        ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener() {
        ::unsetenv("NOTIFY_SOCKET");
        ::close(fd_);
    }

    std::string received() const {
        std::array<char, 256> buffer{};
        const auto size = ::recv(fd_, buffer.data(), buffer.size(), 0);
        return size > 0 ? std::string(buffer.data(), static_cast<std::size_t>(size)) : std::string();
    }

private:
    int fd_;
};

TEST(NotifyTest, WithoutSystemdThereIsNobodyToTell) {
    ::unsetenv("NOTIFY_SOCKET");
    EXPECT_TRUE(notify_systemd("READY=1"));
}

TEST(NotifyTest, TheStateArrivesAtAPath) {
    const auto path = testing::TempDir() + "notify-" + std::to_string(::getpid());
    {
        const Listener listener(path);
        ASSERT_TRUE(notify_systemd("READY=1"));
        EXPECT_EQ(listener.received(), "READY=1");
    }
    ::unlink(path.c_str());
}

TEST(NotifyTest, TheStateArrivesAtAnAbstractName) {
    const Listener listener("@muster-notify-" + std::to_string(::getpid()));
    ASSERT_TRUE(notify_systemd("STOPPING=1"));
    EXPECT_EQ(listener.received(), "STOPPING=1");
}

TEST(NotifyTest, ADeadEndIsAnErrorThatSaysSo) {
    ::setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
    const auto told = notify_systemd("READY=1");
    ASSERT_FALSE(told);
    EXPECT_THAT(told.error().chain(), testing::HasSubstr("cannot tell systemd"));
    ::setenv("NOTIFY_SOCKET", std::string(200, 'x').c_str(), 1);
    EXPECT_FALSE(notify_systemd("READY=1"));
    ::unsetenv("NOTIFY_SOCKET");
}

TEST(NotifyTest, AStatusIsOneLineOfTextThatSystemdTakes) {
    EXPECT_EQ(status_line("no database\nit is away"), "STATUS=no database it is away");
    EXPECT_EQ(status_line("caf\xE9"), "STATUS=caf\\xe9");
    EXPECT_LT(status_line(std::string(100'000, '\xFF')).size(), 4096U);
}

}  // namespace
}  // namespace muster::musterd
