#include "base/clock.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

using namespace std::chrono;

const TimePoint sample = TimePoint(sys_days(2026y / 11 / 24)) + 6h + 34min + 32s + Micros(123456);

TEST(Clock, FormatsAsAzureDoes) {
    EXPECT_EQ(format_utc(sample), "2026-11-24T06:34:32.1234560Z");
    EXPECT_EQ(format_utc_seconds(sample), "2026-11-24T06:34:32Z");
}

TEST(Clock, ReadsWhatItWrites) {
    EXPECT_EQ(parse_utc(format_utc(sample)), sample);
    EXPECT_EQ(parse_utc(format_utc_seconds(sample)), floor<seconds>(sample));
}

TEST(Clock, ReadsOffsetsAndFractions) {
    EXPECT_EQ(parse_utc("2026-11-24T07:34:32.123456+01:00"), sample);
    EXPECT_EQ(parse_utc("2026-11-24t06:34:32.1z"), floor<seconds>(sample) + Micros(100000));
    EXPECT_EQ(parse_utc("2024-02-29T00:00:00Z"), TimePoint(sys_days(2024y / 2 / 29)));
}

TEST(Clock, RefusesWhatIsNoTime) {
    for (const auto* text :
         {"", "2026", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00",
          "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Zx", "-026-01-01T00:00:00Z"})
        EXPECT_FALSE(parse_utc(text)) << text;
}

TEST(Clock, ManualClockMovesWhenTold) {
    ManualClock clock(sample);
    EXPECT_EQ(clock.now(), sample);
    clock.advance(2s);
    EXPECT_EQ(clock.now(), sample + 2s);
    clock.set(sample);
    EXPECT_EQ(clock.now(), sample);
}

}  // namespace
}  // namespace muster
