#include "provisioning/throttle.h"

#include <gtest/gtest.h>

#include <thread>

namespace muster::provisioning {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ThrottleTest : public ::testing::Test {
protected:
    static constexpr const char* address_ = "192.0.2.1:4711";

    // Registrations taken and refused out of `count` that come at one moment.
    static std::size_t taken(Throttle& throttle, std::size_t count, Monotonic::time_point now) {
        std::size_t n = 0;
        for (std::size_t i = 0; i < count; ++i)
            if (!throttle.admit_registration(fmt::format("192.0.2.1:{}", i), now)) ++n;
        return n;
    }

    SeededRandom random_{7};
    Monotonic::time_point now_ = Monotonic::now();
};

TEST_F(ThrottleTest, OffMeansOff) {
    Throttle throttle({.under_way = 0, .patience = milliseconds(0)}, random_);
    EXPECT_EQ(taken(throttle, 100'000, now_), 100'000u);
    EXPECT_FALSE(throttle.admit_group("plant", now_));
    EXPECT_FALSE(throttle.admit_operation(now_));
    EXPECT_EQ(throttle.next_poll(seconds(1), now_), seconds(1));
    EXPECT_EQ(throttle.load(now_), 0);
}

TEST_F(ThrottleTest, AServiceTakesItsRateAndTenSecondsOfItAtOnce) {
    Throttle throttle({.registrations = 600}, random_);
    EXPECT_EQ(taken(throttle, 1'000, now_), 100u);
    EXPECT_EQ(taken(throttle, 1'000, now_ + seconds(5)), 50u);
    std::size_t in_a_minute = 0;
    for (int i = 1; i <= 60; ++i) in_a_minute += taken(throttle, 100, now_ + seconds(5 + i));
    EXPECT_EQ(in_a_minute, 600u);
}

TEST_F(ThrottleTest, TheKthThatIsRefusedWaitsForItsPlace) {
    Throttle throttle({.registrations = 600}, random_);
    ASSERT_EQ(taken(throttle, 100, now_), 100u);
    for (int k = 1; k <= 2'000; ++k) {
        const auto refusal = throttle.admit_registration(address_, now_);
        ASSERT_TRUE(refusal);
        EXPECT_EQ(refusal->limit, Limit::service);
        const double place = k / 10.0;
        EXPECT_GE(static_cast<double>(refusal->retry_after.count()), std::max(1.0, place - 1)) << k;
        EXPECT_LE(static_cast<double>(refusal->retry_after.count()), std::max(2.0, place * 1.25 + 1)) << k;
    }
}

TEST_F(ThrottleTest, AGroupMayHaveALimitOfItsOwn) {
    Throttle throttle({.group_registrations = 600, .groups = {{"small", 60}, {"trusted", 0}}}, random_);
    const auto taken_by = [&](const std::string& group) {
        std::size_t n = 0;
        for (int i = 0; i < 1'000; ++i) n += throttle.admit_group(group, now_) ? 0 : 1;
        return n;
    };
    EXPECT_EQ(taken_by("usual"), 100u);
    EXPECT_EQ(taken_by("Small"), 10u);
    EXPECT_EQ(taken_by("small"), 0u) << "ids are compared without case";
    EXPECT_EQ(taken_by("Trusted"), 1'000u);

    Throttle alone({.groups = {{"small", 60}}}, random_);
    EXPECT_FALSE(alone.admit_group("usual", now_));
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(alone.admit_group("small", now_));
    EXPECT_TRUE(alone.admit_group("small", now_));
}

TEST_F(ThrottleTest, AQueueThatNobodyComesBackFromIsForgotten) {
    Throttle throttle({.registrations = 600}, random_);
    taken(throttle, 2'000, now_);
    const auto later = now_ + seconds(11);
    EXPECT_EQ(taken(throttle, 100, later), 100u);
    const auto refusal = throttle.admit_registration(address_, later);
    ASSERT_TRUE(refusal);
    EXPECT_LE(refusal->retry_after, seconds(2));
}

TEST_F(ThrottleTest, WhoComesBehindTheEndOfTheQueueIsSpread) {
    Throttle throttle({.registrations = 60}, random_);
    taken(throttle, 310, now_);
    std::map<seconds, int> spread;
    for (int i = 0; i < 10'000; ++i) {
        const auto refusal = throttle.admit_registration(address_, now_);
        ASSERT_TRUE(refusal);
        ASSERT_GE(refusal->retry_after, seconds(150));
        ASSERT_LE(refusal->retry_after, longest_retry);
        ++spread[refusal->retry_after];
    }
    EXPECT_EQ(spread.size(), 151u);  // every second has its share
}

TEST_F(ThrottleTest, AFleetThatComesBackWhenItIsToldDoesNotComeAtOnce) {
    Throttle throttle({.registrations = 6'000}, random_);
    std::multimap<seconds, int> returning;
    for (int device = 0; device < 20'000; ++device) returning.emplace(seconds(0), device);
    std::size_t done = 0;
    std::size_t most_in_a_second = 0;
    for (seconds at{0}; !returning.empty() && at < seconds(1'000); ++at) {
        const auto [first, last] = returning.equal_range(at);
        std::vector<int> now_here;
        for (auto it = first; it != last; ++it) now_here.push_back(it->second);
        returning.erase(first, last);
        if (at > seconds(1)) most_in_a_second = std::max(most_in_a_second, now_here.size());
        for (const int device : now_here) {
            const auto refusal = throttle.admit_registration(address_, now_ + at);
            if (!refusal) {
                ++done;
            } else {
                returning.emplace(at + refusal->retry_after, device);
            }
        }
    }
    EXPECT_EQ(done, 20'000u);
    EXPECT_LT(most_in_a_second, 1'000u);  // at 100 a second
}

TEST_F(ThrottleTest, AddressesHaveBucketsOfTheirOwn) {
    Throttle throttle({.address_registrations = 60}, random_);
    const auto refused = [&](const char* address) { return throttle.admit_registration(address, now_).has_value(); };
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(refused("192.0.2.1:1"));
    EXPECT_TRUE(refused("192.0.2.1:2")) << "the port does not count";
    EXPECT_FALSE(refused("192.0.2.2:1"));
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(refused("[2001:db8::1]:1"));
    EXPECT_TRUE(refused("[2001:db8::ffff:2]:1")) << "one network of 64 bits";
    EXPECT_FALSE(refused("[2001:db8:0:1::1]:1"));
}

TEST_F(ThrottleTest, MoreAddressesThanThereIsRoomForCostNoMemoryAndStopNobody) {
    Throttle throttle({.address_registrations = 60}, random_);
    for (int i = 0; i < 300'000; ++i)
        ASSERT_FALSE(throttle.admit_registration(fmt::format("10.{}.{}.{}:1", i >> 16, (i >> 8) & 255, i & 255), now_));
}

TEST_F(ThrottleTest, GroupsHaveBucketsOfTheirOwn) {
    Throttle throttle({.group_registrations = 60}, random_);
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(throttle.admit_group("a", now_));
    const auto refusal = throttle.admit_group("a", now_);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->limit, Limit::group);
    EXPECT_FALSE(throttle.admit_group("b", now_));
    EXPECT_FALSE(throttle.admit_group("a", now_ + seconds(1)));
}

TEST_F(ThrottleTest, TooManyUnderWayAreShedAndItRecovers) {
    Throttle throttle({.under_way = 4, .patience = milliseconds(0)}, random_);
    {
        std::vector<std::unique_ptr<Throttle::Flight>> flights;
        while (flights.size() < 3) flights.push_back(std::make_unique<Throttle::Flight>(throttle));
        EXPECT_FALSE(throttle.admit_registration(address_));
        EXPECT_GT(throttle.next_poll(seconds(1)), seconds(5)) << "a poll comes later as the load nears its limit";
        flights.push_back(std::make_unique<Throttle::Flight>(throttle));
        const auto refusal = throttle.admit_registration(address_);
        ASSERT_TRUE(refusal);
        EXPECT_EQ(refusal->limit, Limit::overload);
        EXPECT_GE(refusal->retry_after, seconds(1));
        EXPECT_TRUE(throttle.refuses_sessions());
    }
    EXPECT_FALSE(throttle.admit_registration(address_));
    EXPECT_FALSE(throttle.refuses_sessions());
}

TEST_F(ThrottleTest, SessionsThatAreOpenGoBeforeNewOnes) {
    Throttle throttle({.under_way = 8, .patience = milliseconds(0)}, random_);
    std::vector<std::unique_ptr<Throttle::Flight>> flights;
    while (flights.size() < 8) flights.push_back(std::make_unique<Throttle::Flight>(throttle));
    EXPECT_TRUE(throttle.refuses_sessions());
    EXPECT_TRUE(throttle.admit_registration(address_));
    EXPECT_FALSE(throttle.admit_registration(address_, Monotonic::now(), true));
    while (flights.size() < 10) flights.push_back(std::make_unique<Throttle::Flight>(throttle));
    EXPECT_TRUE(throttle.admit_registration(address_, Monotonic::now(), true));
}

TEST_F(ThrottleTest, AReactorThatLagsIsOverloadUntilTheMeasureIsOld) {
    Throttle throttle({.patience = milliseconds(100)}, random_);
    ASSERT_TRUE(throttle.wants_lag());
    EXPECT_FALSE(throttle.wants_lag()) << "one at a time";
    throttle.note_lag(milliseconds(200), now_);
    EXPECT_TRUE(throttle.admit_registration(address_, now_));
    EXPECT_FALSE(throttle.admit_registration(address_, now_ + seconds(3)));
    EXPECT_TRUE(throttle.wants_lag());
}

TEST_F(ThrottleTest, HoldsFromManyThreads) {
    Throttle throttle({.registrations = 60'000, .group_registrations = 60'000, .address_registrations = 60'000},
                      random_);
    std::atomic<std::size_t> taken_in_all = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 5'000; ++i) {
                const Throttle::Flight flight(throttle);
                if (!throttle.admit_registration(address_, now_)) ++taken_in_all;
                (void)throttle.admit_group("a", now_);
                (void)throttle.next_poll(seconds(1), now_);
            }
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(taken_in_all, 10'000u);
    EXPECT_EQ(throttle.under_way(), 0u);
}

}  // namespace
}  // namespace muster::provisioning
