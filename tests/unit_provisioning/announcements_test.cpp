// How announcements and questions for the newest state become few readings.
#include "provisioning/announcements.h"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <latch>
#include <thread>

#include "base/one_reading.h"
#include "net/reactor.h"

namespace muster::provisioning {
namespace {

using store::Topic;

template <class Condition>
bool comes_true(Condition condition) {
    for (int i = 0; i < 4'000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
}

Task<> pause(std::chrono::milliseconds time) {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, time);
    co_await timer.async_wait(boost::asio::use_awaitable);
}

TEST(Announcements, ABurstIsAFewRoundsAndNoneIsMissed) {
    net::Reactors thread{1};
    SeededRandom random{1};
    std::atomic<int> told{0};
    std::atomic<int> seen{0};
    std::atomic<int> rounds{0};
    Announcements announcements(thread.at(0).get_executor(), random);
    announcements.on(Topic::groups, "groups", [&]() -> Task<Result<>> {
        ++rounds;
        const int newest = told;
        co_await pause(std::chrono::milliseconds(10));
        seen = newest;
        co_return Result<>();
    });
    thread.start();
    constexpr int burst = 1'000;
    for (int i = 0; i < burst; ++i) {
        ++told;
        announcements.tell(Topic::groups);
        announcements.tell(Topic::hubs);  // that nobody listens to
    }
    EXPECT_TRUE(comes_true([&] { return seen == burst; }));
    EXPECT_LT(rounds, burst / 10);
    thread.stop();
}

TEST(Announcements, AStepThatFailsIsDoneAgainAndTheOthersGoOn) {
    net::Reactors thread{1};
    SeededRandom random{1};
    std::atomic<int> first{0};
    std::atomic<int> second{0};
    Announcements announcements(thread.at(0).get_executor(), random);
    announcements.on(Topic::groups, "first", [&]() -> Task<Result<>> {
        if (++first == 1) co_return fail(Errc::unavailable, "the database is away");
        co_return Result<>();
    });
    announcements.on(Topic::groups, "second", [&]() -> Task<Result<>> {
        ++second;
        co_return Result<>();
    });
    thread.start();
    announcements.tell(Topic::groups);
    EXPECT_TRUE(comes_true([&] { return first == 2 && second == 2; }));
    thread.stop();
}

TEST(Announcements, MayBeToldAfterTheyAreGone) {
    std::function<void(Topic)> teller;
    {
        net::Reactors thread{1};
        SeededRandom random{1};
        Announcements announcements(thread.at(0).get_executor(), random);
        announcements.on(Topic::hubs, "hubs", []() -> Task<Result<>> { co_return Result<>(); });
        teller = announcements.teller();
    }
    teller(Topic::hubs);
}

TEST(OneReading, WhoComesWhileOneIsUnderWayGetsTheNext) {
    net::Reactors threads{4};
    std::atomic<int> state{0};
    std::atomic<int> readings{0};
    std::atomic<int> seen{0};
    OneReading reading([&]() -> Task<Result<>> {
        ++readings;
        const int newest = state;
        co_await pause(std::chrono::milliseconds(5));
        seen = newest;
        co_return Result<>();
    });
    threads.start();
    constexpr int askers = 400;
    std::latch done(askers);
    std::atomic<int> behind{0};
    for (int i = 0; i < askers; ++i) {
        const auto ask = [&]() -> Task<> {
            const int mine = ++state;
            const auto outcome = co_await reading.ask();
            if (!outcome || seen < mine) ++behind;
            done.count_down();
        };
        boost::asio::co_spawn(threads.at(static_cast<std::size_t>(i) % 4), ask, [](const std::exception_ptr&) {});
    }
    done.wait();
    EXPECT_EQ(behind, 0);
    EXPECT_LT(readings, askers / 4);
    threads.stop();
}

TEST(OneReading, WhoComesWhileOneFailsDoesNotWaitForAnother) {
    net::Reactors threads{1};
    std::atomic<int> readings{0};
    std::latch done(2);
    std::atomic<int> failed{0};
    const auto ask = [&](OneReading& reading) -> Task<> {
        if (!co_await reading.ask()) ++failed;
        done.count_down();
    };
    OneReading reading([&]() -> Task<Result<>> {
        ++readings;
        boost::asio::co_spawn(threads.at(0), ask(reading), boost::asio::detached);
        co_await pause(std::chrono::milliseconds(20));
        co_return fail(Errc::unavailable, "away");
    });
    boost::asio::co_spawn(threads.at(0), ask(reading), boost::asio::detached);
    threads.start();
    done.wait();
    EXPECT_EQ(failed, 2);
    EXPECT_EQ(readings, 1);
    threads.stop();
}

TEST(OneReading, AnErrorIsForThoseWhoAskedThen) {
    int readings = 0;
    OneReading reading([&]() -> Task<Result<>> {
        if (++readings == 1) co_return fail(Errc::unavailable, "once");
        co_return Result<>();
    });
    EXPECT_FALSE(net::run_blocking(reading.ask()));
    EXPECT_TRUE(net::run_blocking(reading.ask()));
}

}  // namespace
}  // namespace muster::provisioning
