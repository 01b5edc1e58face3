#include "edge/supervisor/notice.h"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace muster::edge::supervisor {
namespace {

using namespace std::chrono_literals;

TEST(Notice, WakesAllWhoWait) {
    boost::asio::io_context loop;
    Notice notice(loop);
    int woken = 0;
    const auto waiter = [&]() -> Task<> {
        co_await notice.wait();
        ++woken;
    };
    boost::asio::co_spawn(loop, waiter(), boost::asio::detached);
    boost::asio::co_spawn(loop, waiter(), boost::asio::detached);
    boost::asio::post(loop, [&] { notice.give(); });
    loop.run();
    EXPECT_EQ(woken, 2);
}

TEST(Notice, PatienceEnds) {
    boost::asio::io_context loop;
    Notice notice(loop);
    const auto began = std::chrono::steady_clock::now();
    boost::asio::co_spawn(loop, notice.wait(20ms), boost::asio::detached);
    loop.run();
    EXPECT_GE(std::chrono::steady_clock::now() - began, 20ms);
    // Nobody is left waiting.
    notice.give();
}

}  // namespace
}  // namespace muster::edge::supervisor
