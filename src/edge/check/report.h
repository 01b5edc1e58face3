// How the findings of `iotedge check` are shown (facts/device.md 7.3).
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "edge/check/checks.h"

namespace muster::edge::checks {

// "√ keyd is running - OK", with the details of what is not, and of everything when `verbose`. Ends with a line break.
std::string text_of(const Found& found, bool verbose);
// The section's name, underlined.
std::string heading(const std::string& section);
// "15 check(s) succeeded." and so on.
std::string totals(const std::vector<Found>& all, bool verbose);

// {"additional_info": {...}, "checks": {"<id>": {"result": {"result": "ok", "details": [...]}, ...}}}
json::object to_json(const std::vector<Found>& all, const Clock& clock);
// One line of json-stream: {"kind": "check", "id": ..., ...}.
json::object check_line(const Found& found);
json::object additional_info(const Clock& clock);

// Would a script call this a failure?
bool is_failure(const Found& found, bool warnings_as_errors);

}  // namespace muster::edge::checks
