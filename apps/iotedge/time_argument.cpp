#include "time_argument.h"

#include "base/text.h"
#include "edge/config/values.h"

namespace muster::iotedge {

Result<TimePoint> parse_time(std::string_view name, std::string_view text) {
    if (const auto time = parse_utc(text)) return *time;
    if (const auto seconds = parse_integer<std::int64_t>(text)) return TimePoint(std::chrono::seconds(*seconds));
    auto length = text;
    if (length.ends_with("ago")) length = trim(length.substr(0, length.size() - 3));
    if (const auto ago = edge::parse_duration(length)) return SystemClock().now() - *ago;
    return fail(Errc::invalid_argument, "{} takes an RFC 3339 time, UNIX seconds or a duration (\"10min\"), not \"{}\"",
                name, printable(text));
}

}  // namespace muster::iotedge
