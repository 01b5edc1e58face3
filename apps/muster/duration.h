// Times on the command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace muster::cli {

// "90d", "12 h", "30min" as seconds, a bare number as hours; nothing for anything else.
std::optional<std::int64_t> seconds_of(std::string_view text);

}  // namespace muster::cli
