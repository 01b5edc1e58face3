#include "edge/renewal/schedule.h"

#include <gmock/gmock.h>

namespace muster::edge::renewal {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TimePoint at(Micros offset) {
    return TimePoint(std::chrono::seconds(1'800'000'000)) + offset;
}
Schedule::Steady steady(Micros offset) {
    return Schedule::Steady(std::chrono::hours(1000)) + offset;
}

Policy policy(std::string_view threshold, std::string_view retry) {
    return {true, Span::parse(threshold).value(), Span::parse(retry).value()};
}

TEST(Span, FormsAndBounds) {
    const Lifetime life{at(0s), at(100h)};
    EXPECT_EQ(Span::parse("80%")->of(life), 80h);
    EXPECT_EQ(Span::parse("30min")->of(life), 30min);
    EXPECT_EQ(Span::parse("2day")->of(life), 48h);
    EXPECT_EQ(Span::percent(1).of({at(0s), at(10s)}), 1s) << "at least a second";
    EXPECT_EQ(Span::percent(50).of({at(10s), at(0s)}), 1s) << "a life that ends before it begins";
    for (const auto* wrong : {"", "%", "0%", "100%", "-1%", "5", "5d", "5 min", "1000001day", "99999999999min", "min"})
        EXPECT_FALSE(Span::parse(wrong)) << wrong;
}

TEST(Policy, OfSettingsNeedsAllThree) {
    EXPECT_TRUE(Policy::from_settings({{"rotate_key", false}, {"threshold", "1day"}, {"retry", "5%"}}, "t"));
    const auto wrong =
        Policy::from_settings({{"rotate_key", false}, {"threshold", "1 day"}, {"retry", "5%"}}, "identity_auto_renew");
    ASSERT_FALSE(wrong);
    EXPECT_THAT(wrong.error().chain(), HasSubstr("identity_auto_renew.threshold"));
    EXPECT_FALSE(Policy::from_settings({{"threshold", "1day"}, {"retry", "5%"}}, "t"));
}

TEST(Due, APercentageCountsFromTheBeginningATimeFromTheEnd) {
    const Lifetime life{at(0s), at(100h)};
    EXPECT_EQ(due(policy("80%", "4%"), life), at(80h));
    EXPECT_EQ(due(policy("10min", "4%"), life), at(100h - 10min));
    // 30 days before the end of what lives for a week.
    EXPECT_EQ(due(policy("30day", "4%"), {at(0s), at(168h)}), at(84h));
}

class ScheduleTest : public ::testing::Test {
protected:
    SeededRandom random{1};
    const Lifetime life{at(0s), at(100h)};
    Schedule schedule{policy("80%", "4%"), random};
};

TEST_F(ScheduleTest, WaitsForTheThresholdAndNotMuchLonger) {
    std::set<Micros> waits;
    for (int i = 0; i < 100; ++i) {
        schedule.watch(life, at(10h), steady(0s));
        const auto wait = schedule.wait(at(10h), steady(0s));
        EXPECT_GE(wait, 70h);
        EXPECT_LE(wait, 74h);
        waits.insert(wait);
    }
    EXPECT_GT(waits.size(), 90U) << "a fleet that was made together is not renewed together";
}

TEST_F(ScheduleTest, WhatIsOverdueWaitsMinutesAtMost) {
    for (int i = 0; i < 100; ++i) {
        schedule.watch(life, at(90h), steady(0s));
        EXPECT_LE(schedule.wait(at(90h), steady(0s)), 10min);
    }
    schedule.watch(life, at(101h), steady(0s));
    EXPECT_EQ(schedule.wait(at(101h), steady(0s)), 0s) << "what has ended does not wait at all";
}

TEST_F(ScheduleTest, AClockThatJumpsForwardsMakesDueWhatIsDue) {
    schedule.watch(life, at(1h), steady(0s));
    EXPECT_GT(schedule.wait(at(1h), steady(5s)), 70h);
    EXPECT_EQ(schedule.wait(at(99h), steady(6s)), 0s);
    EXPECT_EQ(schedule.wait(at(24h * 365 * 20), steady(6s)), 0s);
}

TEST_F(ScheduleTest, AClockThatJumpsBackwardsTakesItBack) {
    schedule.watch(life, at(1h), steady(0s));
    EXPECT_EQ(schedule.wait(at(90h), steady(1s)), 0s);
    EXPECT_GT(schedule.wait(at(2h), steady(2s)), 70h);
    // A board without a battery starts in 1970.
    EXPECT_GT(schedule.wait(TimePoint(0s), steady(2s)), 24h * 365);
}

TEST_F(ScheduleTest, AFailureIsFollowedByThePauseWhateverTheClockSays) {
    schedule.watch(life, at(85h), steady(0s));
    schedule.failed(at(85h), steady(100s));
    for (const auto wall : {at(85h), at(99h), at(24h * 365)}) {
        EXPECT_GE(schedule.wait(wall, steady(100s)), 4h);
        EXPECT_LE(schedule.wait(wall, steady(100s)), 5h);
    }
    EXPECT_EQ(schedule.wait(at(85h), steady(100s + 5h)), 0s);
}

TEST_F(ScheduleTest, WhatHasEndedIsTriedEveryHourAtLeast) {
    schedule.watch({at(0s), at(24h * 3650)}, at(24h * 3650 + 1h), steady(0s));
    schedule.failed(at(24h * 3650 + 1h), steady(0s));
    EXPECT_LE(schedule.wait(at(24h * 3650 + 1h), steady(0s)), 1h);
}

TEST_F(ScheduleTest, TheIssuersWishIsTheLeast) {
    schedule.watch(life, at(85h), steady(0s));
    schedule.failed(at(60h), steady(0s), std::chrono::hours(9));
    EXPECT_EQ(schedule.wait(at(84h), steady(0s)), 9h);
    schedule.failed(at(60h), steady(0s), std::chrono::hours(999));
    EXPECT_EQ(schedule.wait(at(84h), steady(0s)), 10h) << "but a quarter of what is left is the most";
    schedule.failed(at(85h), steady(0s), std::chrono::seconds(1));
    EXPECT_GE(schedule.wait(at(85h), steady(0s)), 4h);
}

TEST_F(ScheduleTest, ACertificateThatComesOverdueIsNotRenewedWithoutPause) {
    schedule.renewed(life, at(99h), steady(0s));
    EXPECT_EQ(schedule.wait(at(99h), steady(0s)), 4h);
}

TEST_F(ScheduleTest, ShortLivesHaveASecondBetweenTries) {
    schedule.watch({at(0s), at(5s)}, at(4s), steady(0s));
    schedule.failed(at(4s), steady(0s));
    EXPECT_GE(schedule.wait(at(4s), steady(0s)), 1s);
}

}  // namespace
}  // namespace muster::edge::renewal
