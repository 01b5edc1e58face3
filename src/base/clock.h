// Time is given, never taken: services ask a Clock, tests set one.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace muster {

using Micros = std::chrono::microseconds;
// UTC, microsecond resolution.
using TimePoint = std::chrono::sys_time<Micros>;

class Clock {
public:
    virtual ~Clock() = default;
    virtual TimePoint now() const = 0;
};

class SystemClock final : public Clock {
public:
    TimePoint now() const override;
};

// Stands still until a test moves it. Safe to move from another thread.
class ManualClock final : public Clock {
public:
    explicit ManualClock(TimePoint start) : micros_(start.time_since_epoch().count()) {}
    TimePoint now() const override { return TimePoint(Micros(micros_.load())); }
    void advance(Micros by) { micros_ += by.count(); }
    void set(TimePoint to) { micros_ = to.time_since_epoch().count(); }

private:
    std::atomic<std::int64_t> micros_;
};

// "2026-11-24T06:34:32.1234560Z": seven fractional digits, as DPS and IoT Hub write them.
std::string format_utc(TimePoint time);
// "2026-11-24T06:34:32Z"
std::string format_utc_seconds(TimePoint time);
// RFC 3339 with any number of fractional digits and Z or a numeric offset.
std::optional<TimePoint> parse_utc(std::string_view text);

}  // namespace muster
