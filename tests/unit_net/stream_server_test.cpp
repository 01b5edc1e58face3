// A protocol of bytes on the server's core: deadlines, places, draining; and the same inside a WebSocket.
#include "net/stream_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/http_server.h"
#include "net/websocket_frames.h"
#include "raw_client.h"

namespace muster::net {
namespace {

using namespace std::string_literals;
using std::chrono::milliseconds;
using testing::HasSubstr;

// "echo" until the client says "quit", with a second between two reads.
Task<> echo(ByteStream& stream, const Peer&) {
    for (;;) {
        const auto read = co_await stream.read_some(Monotonic::now() + milliseconds(1000));
        if (read.end == StreamEnd::timed_out) co_await stream.write_all("late");
        if (read.end == StreamEnd::leaving) co_await stream.write_all("leaving");
        if (read.end != StreamEnd::none || read.text() == "quit") break;
        if (read.text() == "throw") throw std::runtime_error("a defect");
        const std::string bytes(read.text());
        if (!co_await stream.write_all(bytes)) break;
    }
    co_await stream.close();
}

// Says "tick" whenever nothing came for a while, and goes on.
Task<> clockwork(ByteStream& stream, const Peer&) {
    for (;;) {
        const auto now = Monotonic::now();
        const auto read = co_await stream.read_some(now + std::chrono::seconds(20), now + milliseconds(50));
        if (read.end != StreamEnd::none && read.end != StreamEnd::woken) break;
        const std::string bytes(read.end == StreamEnd::woken ? "tick" : read.text());
        if (!co_await stream.write_all(bytes)) break;
    }
    co_await stream.close();
}

class Servers : public testing::Test {
protected:
    explicit Servers(StreamLimits limits = {}) : streams_(reactors_, echo, limits), http_(reactors_, {}) {
        http_.serve_websockets({{"/$iothub/websocket", "echo", echo}});
        reactors_.start();
    }
    ~Servers() override {
        streams_.drain(milliseconds(500));
        http_.drain(milliseconds(500));
        reactors_.stop();
    }

    void open_websocket(RawClient& client) {
        client.send(
            "GET /$iothub/websocket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Protocol: other, ECHO\r\n\r\n");
        head_ = client.read(head_size);
    }

    // The answer to the request above: of one length, whatever the date.
    static constexpr std::size_t head_size =
        sizeof "HTTP/1.1 101 Switching Protocols\r\nDate: Tue, 24 Nov 2026 08:18:57 GMT\r\nUpgrade: websocket\r\n"
               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: ECHO\r\n"
               "Connection: Upgrade\r\n\r\n" -
        1;

    Reactors reactors_{1};
    StreamServer streams_;
    HttpServer http_;
    std::string head_;
};

class FewPlaces : public Servers {
protected:
    FewPlaces() : Servers({.connections = 2}) {}
};

std::string masked(unsigned char first, std::string payload) {
    for (std::size_t i = 0; i < payload.size(); ++i)
        payload[i] = static_cast<char>(payload[i] ^ "\x01\x02\x03\x04"[i % 4]);
    return std::string{static_cast<char>(first), static_cast<char>(0x80 | payload.size())} + "\x01\x02\x03\x04" +
           payload;
}

TEST_F(Servers, BytesGoBothWaysUntilEitherSideEnds) {
    const auto port = streams_.listen_plain("127.0.0.1:0").value();
    RawClient client(port);
    client.send("hello");
    EXPECT_EQ(client.read(5), "hello");
    client.send("quit");
    EXPECT_TRUE(client.ended());
    EXPECT_EQ(streams_.statistics().connections_total, 1U);
}

TEST_F(Servers, ASilentClientIsTimedOutAndToldSo) {
    RawClient client(streams_.listen_plain("127.0.0.1:0").value());
    EXPECT_EQ(client.read_to_end(), "late");
}

TEST_F(Servers, AnExceptionEndsTheSessionAlone) {
    const auto port = streams_.listen_plain("127.0.0.1:0").value();
    RawClient other(port);
    RawClient client(port);
    client.send("throw");
    EXPECT_TRUE(client.ended());
    other.send("x");
    EXPECT_EQ(other.read(1), "x");
}

TEST_F(Servers, DrainingEndsIdleSessionsAtOnce) {
    RawClient client(streams_.listen_plain("127.0.0.1:0").value());
    client.send("x");
    EXPECT_EQ(client.read(1), "x");
    streams_.drain(std::chrono::seconds(20));
    EXPECT_EQ(client.read_to_end(), "leaving");
    EXPECT_EQ(streams_.statistics().connections_open, 0U);
}

TEST_F(FewPlaces, TheLongestIdleSessionMakesRoom) {
    const auto port = streams_.listen_plain("127.0.0.1:0").value();
    RawClient first(port), second(port);
    first.send("1");
    EXPECT_EQ(first.read(1), "1");
    second.send("2");
    EXPECT_EQ(second.read(1), "2");
    RawClient third(port);
    third.send("3");
    EXPECT_EQ(third.read(1), "3");
    EXPECT_EQ(first.read_to_end(), "leaving");
    second.send("2");
    EXPECT_EQ(second.read(1), "2");
}

TEST_F(Servers, TheSameHandlerServesAWebSocket) {
    RawClient client(http_.listen_plain("127.0.0.1:0").value());
    open_websocket(client);
    EXPECT_THAT(head_, HasSubstr("101 Switching Protocols"));
    EXPECT_THAT(head_, HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    EXPECT_THAT(head_, HasSubstr("Sec-WebSocket-Protocol: ECHO\r\n"));
    client.send(masked(0x82, "hello") + masked(0x89, "ping"));
    EXPECT_EQ(client.read(7 + 6), binary_frame("hello") + pong_frame("ping"));
    client.send(masked(0x88, "\x03\xe9"));
    EXPECT_EQ(client.read_to_end(), close_frame(1001));
}

TEST_F(Servers, AnUnmaskedFrameEndsTheWebSocket) {
    RawClient client(http_.listen_plain("127.0.0.1:0").value());
    open_websocket(client);
    client.send("\x82\x01x");
    EXPECT_EQ(client.read_to_end(), close_frame(close_code::protocol_error));
}

TEST_F(Servers, ASilentWebSocketIsTimedOut) {
    RawClient client(http_.listen_plain("127.0.0.1:0").value());
    open_websocket(client);
    EXPECT_EQ(client.read_to_end(), binary_frame("late") + close_frame(close_code::normal));
}

TEST_F(Servers, WhatIsNoUpgradeIsRefused) {
    const auto port = http_.listen_plain("127.0.0.1:0").value();
    const auto refused = [&](const std::string& headers) {
        RawClient client(port);
        client.send("GET /$iothub/websocket HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n");
        return client.read_answer();
    };
    EXPECT_THAT(refused(""), HasSubstr("426 "));
    const auto upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n"s;
    EXPECT_THAT(refused(upgrade), HasSubstr("426 "));
    EXPECT_THAT(refused(upgrade + "Sec-WebSocket-Version: 13\r\n"), HasSubstr("400 "));
    EXPECT_THAT(refused(upgrade + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2hvcnQ=\r\n"), HasSubstr("400 "));
    EXPECT_THAT(refused(upgrade + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
                HasSubstr("names no protocol"));
}

TEST(StreamServerWakes, TheHandlerWithoutEndingTheStream) {
    Reactors reactors(1);
    StreamServer server(reactors, clockwork);
    const auto port = server.listen_plain("127.0.0.1:0").value();
    reactors.start();
    RawClient client(port);
    EXPECT_EQ(client.read(8), "ticktick");
    client.send("hello");
    std::string all;
    while (all.find("hello") == std::string::npos && all.size() < 400) all += client.read(1);
    EXPECT_THAT(all, HasSubstr("hello"));
    EXPECT_EQ(client.read(4).size(), 4U);
    server.drain(milliseconds(500));
    reactors.stop();
}

}  // namespace
}  // namespace muster::net
