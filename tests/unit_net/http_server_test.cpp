#include "net/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command.h"
#include "raw_client.h"
#include "test_server.h"

namespace muster::net {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string get(std::string_view path, std::string_view headers = "") {
    return fmt::format("GET {} HTTP/1.1\r\nHost: h\r\n{}\r\n", path, headers);
}

TEST(HttpServer, KeepsTheConnectionForManyRequests) {
    TestServer server;
    RawClient client(server.plain());
    for (int i = 0; i < 50; ++i) {
        client.send(get(fmt::format("/echo?{}", i)));
        EXPECT_THAT(client.read_answer(), EndsWith(fmt::format("GET /echo?{} ", i)));
    }
    EXPECT_EQ(server.server().statistics().requests_total, 50);
    EXPECT_EQ(server.server().statistics().connections_total, 1);
}

TEST(HttpServer, AnswersAPipelineInOrder) {
    TestServer server;
    RawClient client(server.plain());
    std::string requests;
    for (int i = 0; i < 200; ++i) requests += get(fmt::format("/echo?{}", i));
    client.send(requests);
    for (int i = 0; i < 200; ++i) ASSERT_THAT(client.read_answer(), EndsWith(fmt::format("GET /echo?{} ", i)));
}

TEST(HttpServer, ReadsAPipelineAfterAnExpectation) {
    TestServer server;
    RawClient client(server.plain());
    client.send("PUT /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    EXPECT_EQ(client.read(25), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ab" + get("/echo?next"));
    EXPECT_THAT(client.read_answer(), EndsWith("PUT /echo ab"));
    EXPECT_THAT(client.read_answer(), EndsWith("GET /echo?next "));
}

TEST(HttpServer, SendsNo100WhenTheBodyIsThere) {
    TestServer server;
    RawClient client(server.plain());
    client.send("PUT /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab");
    EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 200"));
}

TEST(HttpServer, ReadsChunksThatArriveSlowly) {
    TestServer server;
    RawClient client(server.plain());
    for (const char* part : {"POST /echo HTTP/1.1\r\nHo", "st: h\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\nab",
                             "c\r\n", "2\r\nde\r\n0", "\r\n\r", "\n"}) {
        client.send(part);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_THAT(client.read_answer(), EndsWith("POST /echo abcde"));
}

TEST(HttpServer, AnswersHeadWithoutABody) {
    TestServer server;
    RawClient client(server.plain());
    client.send("HEAD /big HTTP/1.1\r\nHost: h\r\n\r\n" + get("/echo"));
    std::string answer;
    while (!answer.ends_with("\r\n\r\n")) answer += client.read(1);
    EXPECT_THAT(answer, HasSubstr("Content-Length: 1048576\r\n"));
    EXPECT_THAT(client.read_answer(), EndsWith("GET /echo "));
}

TEST(HttpServer, SendsNoLengthWith204) {
    TestServer server;
    RawClient client(server.plain());
    client.send(get("/none", "Connection: close\r\n"));
    EXPECT_THAT(client.read_to_end(), Not(HasSubstr("Content-Length")));
}

TEST(HttpServer, ClosesWhenAskedTo) {
    TestServer server;
    const auto port = server.plain();
    RawClient polite(port);
    polite.send(get("/echo", "Connection: close\r\n"));
    EXPECT_THAT(polite.read_to_end(), HasSubstr("Connection: close\r\n"));
    EXPECT_TRUE(polite.ended());

    RawClient old(port);
    old.send("GET /echo HTTP/1.0\r\n\r\n");
    EXPECT_THAT(old.read_to_end(), EndsWith("GET /echo "));
    EXPECT_TRUE(old.ended());
}

TEST(HttpServer, TurnsAnExceptionInto500) {
    TestServer server;
    RawClient client(server.plain());
    client.send(get("/throw"));
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 500 Internal Server Error\r\n"));
}

TEST(HttpServer, LetsNoHeaderValueMakeAHeader) {
    TestServer server;
    RawClient client(server.plain());
    client.send(get("/inject"));
    EXPECT_THAT(client.read_answer(), Not(HasSubstr("\nSet-Cookie")));
}

TEST(HttpServer, RefusesAMalformedRequestShortlyAndCloses) {
    TestServer server;
    RawClient client(server.plain());
    client.send("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
    const auto answer = client.read_to_end();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
    EXPECT_THAT(answer, HasSubstr("Connection: close"));
    EXPECT_TRUE(client.ended());
}

TEST(HttpServer, SendsALargeAnswerToASlowReader) {
    TestServer server;
    RawClient client(server.plain());
    client.send(get("/big", "Connection: close\r\n"));
    std::size_t total = 0;
    for (std::string part; !(part = client.read(64 * 1024)).empty();) {
        total += part.size();
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    EXPECT_GT(total, 1024U * 1024U);
}

TEST(HttpServer, SatisfiesCurl) {
    TestServer server;
    const auto url = fmt::format("http://127.0.0.1:{}/echo", server.plain());
    EXPECT_EQ(run_command(fmt::format("curl -sS -X PUT -H 'Expect: 100-continue' -d hello {}", url)).output,
              "PUT /echo hello");
    EXPECT_EQ(run_command(fmt::format("printf abc | curl -sS -T - {}", url)).output, "PUT /echo abc");
    EXPECT_EQ(run_command(fmt::format("curl -sS -X GET -d '{{}}' {}", url)).output, "GET /echo {}");
    EXPECT_EQ(run_command(fmt::format("curl -sS {0} {0}", url)).output, "GET /echo GET /echo ");
    const auto many = run_command(
        fmt::format("curl -sS --parallel --parallel-max 20 '{}?[1-200]' 2>/dev/null | tr G '\\n' | grep -c echo", url));
    EXPECT_EQ(many.output, "200\n");
}

TEST(HttpServer, SaysWhoHoldsThePort) {
    TestServer server;
    const auto port = server.plain();
    const auto refused = server.server().listen_plain(fmt::format("127.0.0.1:{}", port));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::conflict);
    EXPECT_THAT(refused.error().message(), HasSubstr(fmt::format("(process {})", ::getpid())));
    EXPECT_EQ(server.server().listen_plain("example.com:80").error().code(), Errc::invalid_argument);
}

TEST(HttpServer, ListensOnIpv6) {
    TestServer server;
    const auto port = server.server().listen_plain("[::1]:0");
    if (!port) GTEST_SKIP() << "no IPv6 here: " << port.error().message();
    EXPECT_EQ(run_command(fmt::format("curl -sS -g 'http://[::1]:{}/echo'", *port)).output, "GET /echo ");
}

}  // namespace
}  // namespace muster::net
