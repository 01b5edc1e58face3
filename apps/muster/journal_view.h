// Entries of the service's journal as people read them.
#pragma once

#include "base/json.h"
#include "muster/context.h"

namespace muster::cli {

// "deviceId=dev-1 assignedHub=plant-server": the detail of an entry on one line.
std::string journal_detail(const json::object& entry);
// A moment on the command line: "2026-11-24T06:00:00Z", "2026-11-24", or so long ago: "90s", "15m", "3h", "2d".
Result<std::string> utc_of_moment(const std::string& text, TimePoint now);

}  // namespace muster::cli
