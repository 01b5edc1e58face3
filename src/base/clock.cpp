#include "base/clock.h"

#include <fmt/format.h>

#include "base/text.h"

namespace muster {
namespace {

using namespace std::chrono;

struct Civil {
    year_month_day date;
    hh_mm_ss<Micros> time;
};

Civil civil(TimePoint time) {
    const auto day = floor<days>(time);
    return {year_month_day(day), hh_mm_ss<Micros>(time - day)};
}

std::string format_date_and_time(const Civil& at) {
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(at.date.year()),
                       static_cast<unsigned>(at.date.month()), static_cast<unsigned>(at.date.day()),
                       at.time.hours().count(), at.time.minutes().count(), at.time.seconds().count());
}

// Reads exactly `digits` decimal digits off the front of `text`.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
    if (text.size() < digits) return std::nullopt;
    const auto number = parse_integer<int>(text.substr(0, digits));
    if (!number || text[0] == '-') return std::nullopt;
    text.remove_prefix(digits);
    return number;
}

bool take(std::string_view& text, char wanted) {
    if (text.empty() || text[0] != wanted) return false;
    text.remove_prefix(1);
    return true;
}

// ".1234567" as microseconds; further digits are cut.
std::optional<Micros> take_fraction(std::string_view& text) {
    if (!take(text, '.')) return Micros(0);
    std::int64_t value = 0;
    int seen = 0;
    while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
        if (seen < 6) value = value * 10 + (text[0] - '0');
        ++seen;
        text.remove_prefix(1);
    }
    if (seen == 0) return std::nullopt;
    for (int i = seen; i < 6; ++i) value *= 10;
    return Micros(value);
}

std::optional<minutes> take_offset(std::string_view& text) {
    if (take(text, 'Z') || take(text, 'z')) return minutes(0);
    const bool east = take(text, '+');
    if (!east && !take(text, '-')) return std::nullopt;
    const auto hour = take_number(text, 2);
    if (!hour || !take(text, ':')) return std::nullopt;
    const auto minute = take_number(text, 2);
    if (!minute) return std::nullopt;
    const minutes offset(*hour * 60 + *minute);
    return east ? offset : -offset;
}

}  // namespace

TimePoint SystemClock::now() const {
    return time_point_cast<Micros>(system_clock::now());
}

std::string format_utc(TimePoint time) {
    const Civil at = civil(time);
    return fmt::format("{}.{:06}0Z", format_date_and_time(at), at.time.subseconds().count());
}

std::string format_utc_seconds(TimePoint time) {
    return format_date_and_time(civil(time)) + "Z";
}

std::optional<TimePoint> parse_utc(std::string_view text) {
    const auto y = take_number(text, 4);
    if (!y || !take(text, '-')) return std::nullopt;
    const auto m = take_number(text, 2);
    if (!m || !take(text, '-')) return std::nullopt;
    const auto d = take_number(text, 2);
    if (!d || (!take(text, 'T') && !take(text, 't') && !take(text, ' '))) return std::nullopt;
    const auto hour = take_number(text, 2);
    if (!hour || !take(text, ':')) return std::nullopt;
    const auto minute = take_number(text, 2);
    if (!minute || !take(text, ':')) return std::nullopt;
    const auto second = take_number(text, 2);
    if (!second) return std::nullopt;
    const auto fraction = take_fraction(text);
    if (!fraction) return std::nullopt;
    const auto offset = take_offset(text);
    if (!offset || !text.empty()) return std::nullopt;

    const year_month_day date(year(*y), month(static_cast<unsigned>(*m)), day(static_cast<unsigned>(*d)));
    if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
    return TimePoint(sys_days(date)) + hours(*hour) + minutes(*minute) + seconds(*second) + *fraction - *offset;
}

}  // namespace muster
