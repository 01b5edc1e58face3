// The times of --since and --until: "2026-11-24T06:00:00Z", seconds since 1970, or how long ago ("1 day", "90m", "2h
// ago").
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"

namespace muster::iotedge {

// `name` is the option's, for the error.
Result<TimePoint> parse_time(std::string_view name, std::string_view text);

}  // namespace muster::iotedge
