// AMQP sessions of peers that are slow, silent or without end: each costs a bounded time.
//
// The bounds are those of the service, a thousand times shorter; the peer is a script, and its stream waits as a real
// one does.
#include <gmock/gmock.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <deque>
#include <thread>

#include "endpoints/amqp.h"
#include "endpoints_fixture.h"

namespace muster::endpoints {
namespace {

namespace asio = boost::asio;
namespace amqp = wire::amqp;

using net::Monotonic;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

// What the peer sends, a piece at a time, each after its pause; then it is silent. Without `reads`, it takes nothing.
struct Script {
    std::deque<std::pair<milliseconds, std::string>> pieces;
    bool again = false;  // the last piece, without end
    bool reads = true;
};

class ScriptedStream final : public net::ByteStream {
public:
    explicit ScriptedStream(Script script) : script_(std::move(script)) {}

    using net::ByteStream::read_some;
    Task<net::StreamRead> read_some(Monotonic::time_point deadline, Monotonic::time_point wake) override {
        const auto until = std::min(deadline, wake);
        const auto comes =
            script_.pieces.empty() ? Monotonic::time_point::max() : Monotonic::now() + script_.pieces.front().first;
        co_await sleep(std::min(until, comes));
        if (comes <= until) {
            piece_ = script_.pieces.front().second;
            if (script_.pieces.size() > 1 || !script_.again) script_.pieces.pop_front();
            co_return net::StreamRead{.bytes = piece_, .end = net::StreamEnd::none};
        }
        co_return net::StreamRead{.bytes = {},
                                  .end = wake < deadline ? net::StreamEnd::woken : net::StreamEnd::timed_out};
    }
    Task<bool> write_all(std::string_view bytes) override {
        written += bytes;
        co_return script_.reads;  // the server's limit for writes is the real stream's
    }
    Task<> close() override {
        closed = true;
        co_return;
    }

    std::size_t left() const { return script_.pieces.size(); }

    std::string written;
    bool closed = false;

private:
    static Task<> sleep(Monotonic::time_point until) {
        asio::steady_timer timer(co_await asio::this_coro::executor, until);
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    Script script_;
    std::string piece_;
};

class AmqpBounds : public EndpointsFixture {
protected:
    static AmqpLimits limits() {
        AmqpLimits all;
        all.opening = milliseconds(60);
        all.frame = milliseconds(80);
        all.idle = milliseconds(150);
        all.session = milliseconds(400);
        return all;
    }
    // The session to its end: what it wrote.
    ScriptedStream serve(Script script) {
        provisioning::Throttle idle({}, random_);
        return serve(std::move(script), idle);
    }
    ScriptedStream serve(Script script, provisioning::Throttle& throttle) {
        const auto services = services_with(throttle);
        const auto bounds = limits();
        ScriptedStream stream(std::move(script));
        const net::Peer peer{
            .address = "192.0.2.1:4711", .credentials = {}, .chain = {}, .server_name = {}, .tls = true};
        const auto handler = amqp_handler(services, nullptr, bounds);
        const auto session = [&]() -> Task<> { co_await handler(stream, peer); };
        net::run_blocking(session());
        EXPECT_TRUE(stream.closed);
        return stream;
    }
    // Header and OPEN of a client.
    static std::string opening() {
        const amqp::Settings settings;
        auto client = amqp::Connection::client(settings, "localhost");
        return client.take_output();
    }
    static std::string empty_frame() { return std::string("\0\0\0\x08\x02\0\0\0", 8); }
};

TEST_F(AmqpBounds, WhoNeverSaysAnythingIsNotWaitedFor) {
    EXPECT_EQ(serve({}).written, "") << "there is no protocol to say anything in";
}

TEST_F(AmqpBounds, WhoOpensOneByteAtATimeIsNotWaitedFor) {
    Script script;
    for (const char c : opening()) script.pieces.emplace_back(milliseconds(5), std::string(1, c));
    const auto sent = script.pieces.size();
    const auto stream = serve(std::move(script));
    EXPECT_GT(stream.left(), 0U) << "it was let go before it had sent its " << sent << " bytes";
}

TEST_F(AmqpBounds, ASilentSessionEndsAndHearsWhy) {
    const auto stream = serve({.pieces = {{milliseconds(1), opening()}}});
    EXPECT_THAT(stream.written, HasSubstr("amqp:resource-limit-exceeded"));
    EXPECT_THAT(stream.written, HasSubstr("no whole frame came in time"));
}

TEST_F(AmqpBounds, AFrameThatDoesNotEndEndsItsSession) {
    // It keeps sending, and would never be idle.
    Script script{.pieces = {{milliseconds(1), opening()}, {milliseconds(1), std::string("\0\0\x40\0\x02\0\0\0", 8)}}};
    script.pieces.emplace_back(milliseconds(10), "x");
    script.again = true;
    EXPECT_THAT(serve(std::move(script)).written, HasSubstr("no whole frame came in time"));
}

TEST_F(AmqpBounds, ALivelySessionEndsTooInItsTime) {
    Script script{.pieces = {{milliseconds(1), opening()}, {milliseconds(20), empty_frame()}}, .again = true};
    EXPECT_THAT(serve(std::move(script)).written, HasSubstr("amqp:resource-limit-exceeded"));
}

TEST_F(AmqpBounds, WhoDoesNotReadIsLetGo) {
    Script script{.pieces = {{milliseconds(1), opening()}, {milliseconds(20), empty_frame()}}, .again = true};
    script.reads = false;
    serve(std::move(script));
}

TEST_F(AmqpBounds, AnOverloadedServiceTakesNoSession) {
    provisioning::Throttle busy({.under_way = 1}, random_);
    const provisioning::Throttle::Flight one(busy);
    const auto stream = serve({.pieces = {{milliseconds(1), opening()}}}, busy);
    EXPECT_THAT(stream.written, HasSubstr("amqp:connection:forced"));
    EXPECT_THAT(stream.written, HasSubstr("more to do than it can"));
}

}  // namespace
}  // namespace muster::endpoints
