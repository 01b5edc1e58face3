#include "net/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "raw_client.h"
#include "test_server.h"

namespace muster::net {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

HttpRequest request(std::string method, std::string target, std::string body = "") {
    return {std::move(method), std::move(target), {}, std::move(body)};
}

// Answers each accepted connection with the given bytes, whatever is asked; one connection per entry.
class ScriptedServer {
public:
    explicit ScriptedServer(std::vector<std::vector<std::string>> connections)
        : folder_(::testing::TempDir() + "muster-scripted") {
        path_ = fmt::format("{}-{}-{}.sock", folder_, ::getpid(), ++counter);
        ::unlink(path_.c_str());
        fd_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
        if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(fd_, 8) != 0)
            std::abort();
        thread_ = std::thread([this, connections = std::move(connections)] {
            for (const auto& answers : connections) serve(answers);
        });
    }
    ~ScriptedServer() {
        thread_.join();
        ::close(fd_);
        ::unlink(path_.c_str());
    }
    std::string url() const { return "unix://" + path_; }
    int requests() const { return requests_; }

private:
    void serve(const std::vector<std::string>& answers) {
        const int client = ::accept(fd_, nullptr, nullptr);
        for (const auto& answer : answers) {
            char buffer[65536];
            if (::recv(client, buffer, sizeof buffer, 0) <= 0) break;
            ++requests_;
            ::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
        }
        ::close(client);
    }

    static inline int counter = 0;
    std::string folder_, path_;
    int fd_ = -1;
    std::atomic<int> requests_ = 0;
    std::thread thread_;
};

constexpr auto ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

Result<HttpResponse> ask(const std::string& answer, ClientOptions options = {}, const std::string& method = "GET") {
    ScriptedServer server({{answer}});
    return HttpClient::create(server.url(), nullptr, options).value()->send_blocking(request(method, "/"));
}

TEST(HttpClient, ReadsEveryKindOfAnswer) {
    EXPECT_EQ(ask(ok)->body, "ok");
    EXPECT_EQ(ask("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")->body, "ok");
    EXPECT_EQ(ask("HTTP/1.1 200 OK\r\n\r\nto the end")->body, "to the end");
    EXPECT_EQ(ask("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 1\r\n\r\nx")->status, 202);
    EXPECT_EQ(ask("HTTP/1.1 204 No Content\r\n\r\n")->status, 204);
    EXPECT_EQ(ask("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", {}, "HEAD")->body, "");
}

TEST(HttpClient, NamesWhatIsWrongWithAnAnswer) {
    EXPECT_EQ(ask("").error().code(), Errc::unavailable);
    EXPECT_EQ(ask("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort").error().code(), Errc::unavailable);
    EXPECT_EQ(ask("nonsense\r\n\r\n").error().code(), Errc::invalid_argument);
    ClientOptions small;
    small.body_bytes = 10;
    EXPECT_EQ(ask("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", small).error().code(), Errc::too_large);
}

TEST(HttpClient, KeepsTheConnection) {
    ScriptedServer server({{ok, ok, ok}});
    auto client = HttpClient::create(server.url()).value();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(client->send_blocking(request("GET", "/")));
    EXPECT_EQ(server.requests(), 3);
}

TEST(HttpClient, ReopensAStaleConnection) {
    ScriptedServer server({{ok}, {ok}});
    auto client = HttpClient::create(server.url()).value();
    EXPECT_TRUE(client->send_blocking(request("POST", "/")));
    std::this_thread::sleep_for(milliseconds(500));  // the server has closed by now, and nothing was sent yet
    EXPECT_TRUE(client->send_blocking(request("POST", "/")));
}

TEST(HttpClient, ResendsOnlyWhatMayBeSentTwice) {
    // The kept connection ends upon the second request, without an answer.
    const std::vector<std::vector<std::string>> script = {{ok, ""}, {ok}};
    {
        ScriptedServer server(script);
        auto client = HttpClient::create(server.url()).value();
        EXPECT_TRUE(client->send_blocking(request("GET", "/")));
        EXPECT_TRUE(client->send_blocking(request("PUT", "/")));
    }
    ScriptedServer server(script);
    auto client = HttpClient::create(server.url()).value();
    EXPECT_TRUE(client->send_blocking(request("GET", "/")));
    EXPECT_EQ(client->send_blocking(request("POST", "/")).error().code(), Errc::unavailable);
    EXPECT_TRUE(client->send_blocking(request("POST", "/")));
}

TEST(HttpClient, GivesUpInTime) {
    TestServer server;
    const auto path = server.folder() / "a.sock";
    ASSERT_TRUE(server.server().listen_unix(path, 0600));
    ClientOptions options;
    options.request = milliseconds(500);
    auto client = HttpClient::create("unix://" + path.string(), nullptr, options).value();
    EXPECT_EQ(client->send_blocking(request("GET", "/held")).error().code(), Errc::timeout);
    EXPECT_TRUE(client->send_blocking(request("GET", "/echo")));
}

TEST(HttpClient, SendsAndReadsLargeBodies) {
    HttpLimits limits;
    limits.body_bytes = 2 * 1024 * 1024;
    TestServer server(limits);
    const auto path = server.folder() / "a.sock";
    ASSERT_TRUE(server.server().listen_unix(path, 0600));
    auto client = HttpClient::create("unix://" + path.string()).value();
    const std::string body(2'000'000, 'b');
    EXPECT_EQ(client->send_blocking(request("POST", "/echo", body))->body, "POST /echo " + body);
    EXPECT_EQ(client->send_blocking(request("POST", "/echo", body + body))->status, 413);
}

TEST(HttpClient, LetsNothingIntoTheHeader) {
    auto client = HttpClient::create("unix:///nowhere").value();
    EXPECT_EQ(client->send_blocking(request("GET", "/a b")).error().code(), Errc::invalid_argument);
    EXPECT_EQ(client->send_blocking(request("GET", "/\r\nX: y")).error().code(), Errc::invalid_argument);
    auto bad = request("GET", "/");
    bad.headers.add("X", "y\r\nZ: w");
    EXPECT_EQ(client->send_blocking(bad).error().code(), Errc::invalid_argument);
}

TEST(HttpClient, NamesASocketThatIsNotThere) {
    const auto answer = HttpClient::create("unix:///nowhere/a.sock").value()->send_blocking(request("GET", "/"));
    EXPECT_EQ(answer.error().code(), Errc::unavailable);
    EXPECT_THAT(answer.error().message(), HasSubstr("/nowhere/a.sock"));
}

TEST(HttpClient, GoesWithoutTlsOnlyWhereThatIsAskedFor) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(::listen(fd, 1), 0);
    ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
    std::string asked;
    std::thread server([&] {
        const int client = ::accept(fd, nullptr, nullptr);
        char buffer[4096];
        const auto got = ::recv(client, buffer, sizeof buffer, 0);
        asked.assign(buffer, got > 0 ? static_cast<std::size_t>(got) : 0);
        ::send(client, ok, std::strlen(ok), MSG_NOSIGNAL);
        ::close(client);
    });
    const auto url = fmt::format("http://127.0.0.1:{}", ntohs(address.sin_port));
    EXPECT_FALSE(HttpClient::create(url));
    ClientOptions options;
    options.plain = true;
    options.proxy = "http://127.0.0.1:1";
    const auto answer = HttpClient::create(url, nullptr, options).value()->send_blocking(request("GET", "/list"));
    server.join();
    ::close(fd);
    ASSERT_TRUE(answer) << answer.error().chain();
    EXPECT_EQ(answer->body, "ok");
    EXPECT_TRUE(asked.starts_with("GET /list HTTP/1.1\r\n")) << asked;
    EXPECT_FALSE(HttpClient::create("http://", nullptr, options));
}

TEST(HttpClient, RefusesBadUrls) {
    for (const char* url : {"", "http://h", "https://", "https://h/path", "https://u@h", "https://h:x", "unix://"}) {
        EXPECT_FALSE(HttpClient::create(url)) << url;
    }
}

}  // namespace
}  // namespace muster::net
