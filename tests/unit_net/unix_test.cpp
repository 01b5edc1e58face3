#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "net/http_client.h"
#include "raw_client.h"
#include "test_server.h"

namespace muster::net {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

HttpRequest get(std::string target) {
    return {"GET", std::move(target), {}, {}};
}

TEST(UnixSocket, TellsWhoIsAtTheOtherEnd) {
    TestServer server;
    const auto path = server.folder() / "a.sock";
    ASSERT_TRUE(server.server().listen_unix(path, 0660));
    auto client = HttpClient::create("unix://" + path.string()).value();
    const auto answer = client->send_blocking(get("/peer"));
    ASSERT_TRUE(answer);
    EXPECT_THAT(answer->body, HasSubstr(fmt::format("uid={} pid={}", ::getuid(), ::getpid())));
    EXPECT_THAT(answer->body, HasSubstr("tls=false"));
}

TEST(UnixSocket, HasTheModeAskedFor) {
    TestServer server;
    const auto path = server.folder() / "a.sock";
    ASSERT_TRUE(server.server().listen_unix(path, 0660));
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0660U);
}

TEST(UnixSocket, TakesOverAPathThatNoOneAnswersOn) {
    TestServer server;
    const auto path = server.folder() / "a.sock";
    {
        TestServer gone;
        ASSERT_TRUE(gone.server().listen_unix(path, 0600));
        EXPECT_EQ(server.server().listen_unix(path, 0600).error().code(), Errc::conflict);
    }
    ASSERT_TRUE(std::filesystem::exists(path));
    ASSERT_TRUE(server.server().listen_unix(path, 0600));
    EXPECT_TRUE(HttpClient::create("unix://" + path.string()).value()->send_blocking(get("/peer")));
}

TEST(UnixSocket, LeavesAFileThatIsNoSocket) {
    TestServer server;
    const auto path = server.folder() / "file";
    ::close(::open(path.c_str(), O_CREAT | O_WRONLY, 0600));
    EXPECT_FALSE(server.server().listen_unix(path, 0600));
    EXPECT_TRUE(std::filesystem::is_regular_file(path));
    EXPECT_FALSE(server.server().listen_unix(server.folder() / std::string(200, 'x'), 0600));
}

TEST(UnixSocket, ServesAnInheritedListener) {
    TestServer server;
    const auto path = server.folder() / "systemd.sock";
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_FALSE(server.server().listen_unix_fd(fd));  // not listening yet
    ASSERT_EQ(::listen(fd, 5), 0);
    ASSERT_TRUE(server.server().listen_unix_fd(fd));
    RawClient client(path);
    client.send("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(client.read_answer(), EndsWith("GET /echo "));
}

}  // namespace
}  // namespace muster::net
