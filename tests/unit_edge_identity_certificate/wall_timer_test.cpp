#include "edge/service/wall_timer.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

namespace muster::edge {
namespace {

using namespace std::chrono_literals;

class WallTimerTest : public ::testing::Test {
protected:
    // What the coroutine does with a timer, and how often it came back from a wait.
    template <class Body>
    void run(Body body) {
        boost::asio::co_spawn(loop, body(), boost::asio::detached);
        loop.run();
    }
    boost::asio::io_context loop;
    std::unique_ptr<WallTimer> timer = WallTimer::create(loop.get_executor()).value();
    int returns = 0;
};

TEST_F(WallTimerTest, ComesBackWhenTheTimeIsOver) {
    const auto begun = std::chrono::system_clock::now();
    run([&]() -> Task<> {
        co_await timer->wait(30ms);
        ++returns;
        co_await timer->wait(0ms);
        ++returns;
        co_await timer->wait(-5s);
        ++returns;
    });
    EXPECT_EQ(returns, 3);
    EXPECT_GE(std::chrono::system_clock::now() - begun, 30ms);
}

TEST_F(WallTimerTest, CanBeWoken) {
    boost::asio::co_spawn(
        loop,
        [&]() -> Task<> {
            co_await timer->wait(std::chrono::days(365 * 100));
            ++returns;
        },
        boost::asio::detached);
    loop.poll();
    EXPECT_EQ(returns, 0);
    timer->wake();
    loop.run();
    EXPECT_EQ(returns, 1);
}

TEST_F(WallTimerTest, AWakeThatComesFirstIsNotLost) {
    timer->wake();
    run([&]() -> Task<> {
        co_await timer->wait(std::chrono::days(1));
        ++returns;
    });
    EXPECT_EQ(returns, 1);
}

}  // namespace
}  // namespace muster::edge
