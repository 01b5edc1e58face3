#include "edge/renewal/policy.h"

#include "base/text.h"

namespace muster::edge::renewal {
namespace {

constexpr Micros shortest = std::chrono::seconds(1);
constexpr std::uint32_t most = 1'000'000;  // minutes or days: far beyond every certificate

}  // namespace

Result<Span> Span::parse(std::string_view text) {
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_integer<std::uint32_t>(text.substr(0, digits));
    const auto unit = text.substr(digits);
    if (number && *number > 0 && *number <= most) {
        if (unit == "%" && *number <= 99) return percent(static_cast<int>(*number));
        if (unit == "min") return Span(0, std::chrono::minutes(*number));
        if (unit == "day") return Span(0, std::chrono::days(*number));
    }
    return fail(Errc::invalid_argument, "\"{}\" is no span of a lifetime: \"N%\" (1 to 99), \"Nmin\" or \"Nday\"",
                printable(text, 40));
}

Micros Span::of(const Lifetime& life) const {
    return std::max(is_percent() ? life.length() / 100 * percent_ : time_, shortest);
}

Result<Policy> Policy::from_settings(const json::object& table, std::string_view what) {
    Policy policy;
    MUSTER_TRY(const auto rotate, optional_bool(table, "rotate_key"));
    if (!rotate) return fail(Errc::invalid_argument, "{}.rotate_key is missing", what);
    policy.rotate_key = *rotate;
    const auto span = [&](std::string_view name) -> Result<Span> {
        MUSTER_TRY(const auto text, required_string(table, name));
        auto parsed = Span::parse(text);
        if (!parsed) return fail(parsed.error().wrap(fmt::format("{}.{}", what, name)));
        return parsed;
    };
    MUSTER_TRY(policy.threshold, span("threshold"));
    MUSTER_TRY(policy.retry, span("retry"));
    return policy;
}

TimePoint due(const Policy& policy, const Lifetime& life) {
    if (policy.threshold.is_percent()) return life.not_before + policy.threshold.of(life);
    return life.not_after - std::min(policy.threshold.of(life), life.length() / 2);
}

Micros retry_pause(const Policy& policy, const Lifetime& life) {
    return policy.retry.of(life);
}

}  // namespace muster::edge::renewal
