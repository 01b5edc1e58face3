// What a client may not do to the server: too slow, too large, too many, for ever.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <list>
#include <thread>

#include "raw_client.h"
#include "test_server.h"

namespace muster::net {
namespace {

using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

HttpLimits short_waits() {
    HttpLimits limits;
    limits.handshake = milliseconds(500);
    limits.request = milliseconds(500);
    limits.idle = milliseconds(500);
    limits.write = milliseconds(500);
    return limits;
}

const std::string simple = "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n";

TEST(Limits, ASilentClientIsClosed) {
    TestServer server(short_waits());
    EXPECT_TRUE(RawClient(server.plain()).ended());
    EXPECT_TRUE(RawClient(server.tls(make_self_signed("s"))).ended());
    EXPECT_EQ(server.server().statistics().handshakes_failed, 1);
}

TEST(Limits, AnIdleConnectionIsClosedAfterItsRequest) {
    TestServer server(short_waits());
    RawClient client(server.plain());
    client.send(simple);
    EXPECT_THAT(client.read_answer(), EndsWith("GET /echo "));
    EXPECT_TRUE(client.ended());
}

TEST(Limits, AHeaderSentByDropsIsClosed) {
    TestServer server(short_waits());
    RawClient client(server.plain());
    const auto start = std::chrono::steady_clock::now();
    bool open = true;
    while ((open = client.send("G")) && std::chrono::steady_clock::now() - start < std::chrono::seconds(30)) {
        std::this_thread::sleep_for(milliseconds(20));
    }
    EXPECT_FALSE(open);
}

TEST(Limits, AClientThatNeverReadsIsClosed) {
    TestServer server(short_waits());
    RawClient client(server.plain());
    for (int i = 0; i < 20; ++i) client.send("GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < 1000 && server.server().statistics().connections_open > 0; ++i) {
        std::this_thread::sleep_for(milliseconds(20));
    }
    EXPECT_EQ(server.server().statistics().connections_open, 0);
}

TEST(Limits, AHandlerMayTakeLongerThanTheClient) {
    TestServer server(short_waits());
    RawClient client(server.plain());
    client.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(client.read_answer(), EndsWith("slept"));
}

// Those who come first hold what there is for all; who comes then is turned away, and whoever asks for little is
// served.
TEST(Limits, LargeRequestsShareOneBudget) {
    constexpr std::size_t body = 100'000;
    HttpLimits limits;
    limits.buffered_bytes = 5 * body;
    TestServer server(limits);
    const std::string begun =
        fmt::format("PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body + 1) + std::string(body, 'x');
    const auto soon = [](auto condition) {
        for (int i = 0; i < 500; ++i) {
            if (condition()) return true;
            std::this_thread::sleep_for(milliseconds(10));
        }
        return false;
    };
    const auto held = [&] { return server.server().statistics().bytes_held; };
    std::list<RawClient> clients;
    for (bool refused = false; !refused && clients.size() < 6;) {
        const auto before = held();
        auto& client = clients.emplace_back(server.plain());
        client.send(begun);
        std::string got;
        ASSERT_TRUE(soon([&] {
            got += client.read(12, milliseconds(10));
            refused = got.starts_with("HTTP/1.1 503");
            return refused || held() >= before + body;
        })) << clients.size()
            << " clients, " << held() << " held, " << before << " before: " << got;
    }
    EXPECT_GE(clients.size(), 3U);
    EXPECT_LE(clients.size(), 6U);
    RawClient small(server.plain());
    small.send(simple);
    EXPECT_THAT(small.read_answer(), EndsWith("GET /echo "));
    clients.front().send("x");
    EXPECT_THAT(clients.front().read(12), StartsWith("HTTP/1.1 200"));
    clients.clear();
    EXPECT_TRUE(soon([&] { return held() == 0; }));
}

TEST(Limits, ALargeBodyIsRefusedWithoutReadingIt) {
    HttpLimits limits;
    limits.body_bytes = 1000;
    TestServer server(limits);
    RawClient client(server.plain());
    client.send("PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\n" + std::string(500'000, 'x'));
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 413 Content Too Large\r\n"));
}

TEST(Limits, ALargeHeaderIsRefused) {
    TestServer server;
    RawClient client(server.plain());
    client.send("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(20'000, 'x'));
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 431 "));
}

TEST(Limits, TheConnectionEndsAfterItsRequests) {
    HttpLimits limits;
    limits.requests_per_connection = 2;
    TestServer server(limits);
    RawClient client(server.plain());
    client.send(simple + simple + simple);
    EXPECT_THAT(client.read_answer(), testing::Not(HasSubstr("Connection: close")));
    EXPECT_THAT(client.read_answer(), HasSubstr("Connection: close"));
    EXPECT_TRUE(client.ended());
}

TEST(Limits, TheOldestIdleConnectionMakesRoom) {
    HttpLimits limits;
    limits.connections = 3;
    TestServer server(limits, 1);
    const auto port = server.plain();
    std::list<RawClient> clients;
    for (int i = 0; i < 4; ++i) {
        auto& client = clients.emplace_back(port);
        client.send(simple);
        EXPECT_THAT(client.read_answer(), EndsWith("GET /echo "));
    }
    EXPECT_TRUE(clients.front().ended());
    clients.back().send(simple);
    EXPECT_THAT(clients.back().read_answer(), EndsWith("GET /echo "));
}

TEST(Limits, ANewConnectionIsRefusedWhenAllAreBusy) {
    HttpLimits limits;
    limits.connections = 1;
    TestServer server(limits, 1);
    const auto port = server.plain();
    RawClient busy(port);
    busy.send("GET /held HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_TRUE(server.wait_for_held(1));
    EXPECT_TRUE(RawClient(port).ended());
    server.let_go();
    EXPECT_THAT(busy.read_answer(), EndsWith("let go"));
}

TEST(Limits, RunningOutOfDescriptorsNeitherSpinsNorStopsTheServer) {
    TestServer server({}, 1);
    const auto port = server.plain();
    std::list<RawClient> waiting;
    for (int i = 0; i < 4; ++i) waiting.emplace_back(port);
    std::this_thread::sleep_for(milliseconds(50));
    rlimit usual{};
    ::getrlimit(RLIMIT_NOFILE, &usual);
    const int next = ::dup(0);
    ::close(next);
    const rlimit tight{static_cast<rlim_t>(next + 1), usual.rlim_max};  // one more: the client's own end
    ::setrlimit(RLIMIT_NOFILE, &tight);
    RawClient late(port);
    const auto before = std::clock();
    std::this_thread::sleep_for(milliseconds(500));
    const auto spent = (std::clock() - before) * 1000 / CLOCKS_PER_SEC;
    ::setrlimit(RLIMIT_NOFILE, &usual);
    late.send(simple);
    EXPECT_THAT(late.read_answer(), EndsWith("GET /echo "));
    EXPECT_LT(spent, 300);
}

TEST(Drain, EndsIdleConnectionsAtOnceAndLetsRequestsFinish) {
    TestServer server;
    const auto port = server.plain();
    RawClient idle(port);
    idle.send(simple);
    idle.read_answer();
    RawClient working(port);
    working.send("GET /held HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_TRUE(server.wait_for_held(1));
    bool idle_ended = false;
    std::thread afterwards([&] {
        idle_ended = idle.ended();
        server.let_go();
    });
    server.server().drain(std::chrono::seconds(60));
    afterwards.join();
    EXPECT_TRUE(idle_ended) << "before the request was answered";
    const auto answer = working.read_to_end();
    EXPECT_THAT(answer, EndsWith("let go"));
    EXPECT_THAT(answer, HasSubstr("Connection: close"));
    EXPECT_THROW(RawClient late(port), std::runtime_error);
}

TEST(Drain, GivesUpOnWhatOutlastsItsPatience) {
    TestServer server;
    RawClient client(server.plain());
    client.send(
        "GET /big HTTP/1.1\r\nHost: h\r\n\r\nGET /big HTTP/1.1\r\nHost: h\r\n\r\nGET /big HTTP/1.1\r\nHost: h\r\n\r\n"
        "GET /big HTTP/1.1\r\nHost: h\r\n\r\nGET /big HTTP/1.1\r\nHost: h\r\n\r\nGET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    std::this_thread::sleep_for(milliseconds(100));
    const auto start = std::chrono::steady_clock::now();
    server.server().drain(milliseconds(100));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
    EXPECT_EQ(server.server().statistics().connections_open, 0);
}

}  // namespace
}  // namespace muster::net
