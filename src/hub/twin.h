// Twins: their JSON for services, and the limits of what an initial twin may hold (facts/hub.md 3.9, 5.6).
#pragma once

#include "base/json.h"
#include "store/records.h"

namespace muster::hub {

// The whole twin as the service API shows it.
json::object twin_to_json(const store::IdentityRecord& record);

// Checks a section against the limits on size, depth, names and values; `what` is "tags" or "properties.desired".
Result<> check_section(const json::object& section, std::string_view what, std::size_t max_bytes);
inline constexpr std::size_t max_tags_bytes = 8 * 1024;
inline constexpr std::size_t max_properties_bytes = 32 * 1024;

}  // namespace muster::hub
