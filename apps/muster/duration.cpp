#include "muster/duration.h"

#include "base/text.h"

namespace muster::cli {

std::optional<std::int64_t> seconds_of(std::string_view text) {
    const auto unit_at = text.find_first_not_of("0123456789");
    const auto number = parse_integer<std::int64_t>(text.substr(0, unit_at));
    const auto unit = unit_at == std::string_view::npos ? std::string_view("h") : trim(text.substr(unit_at));
    if (!number || *number <= 0 || *number > 1'000'000) return std::nullopt;
    if (unit == "s") return number;
    if (unit == "min" || unit == "m") return *number * 60;
    if (unit == "h") return *number * 3600;
    if (unit == "d") return *number * 86'400;
    return std::nullopt;
}

}  // namespace muster::cli
