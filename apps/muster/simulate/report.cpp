#include "muster/simulate/report.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace muster::cli::simulate {
namespace {

struct Percentile {
    const char* name;
    double share;
};
constexpr std::array<Percentile, 5> percentiles{
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1.0}}};

// Milliseconds; `sorted` holds microseconds.
double at_share(const std::vector<std::uint32_t>& sorted, double share) {
    if (sorted.empty()) return 0;
    const auto last = static_cast<double>(sorted.size() - 1);
    return static_cast<double>(sorted[static_cast<std::size_t>(last * share)]) / 1000.0;
}

json::object latency_json(std::vector<std::uint32_t> values) {
    std::ranges::sort(values);
    json::object object;
    for (const auto& percentile : percentiles) object[percentile.name] = at_share(values, percentile.share);
    return object;
}

std::string latency_line(const char* what, std::vector<std::uint32_t> values) {
    std::ranges::sort(values);
    auto line = fmt::format("{:<14}", what);
    for (const auto& percentile : percentiles) line += fmt::format("{:>11.2f}", at_share(values, percentile.share));
    return line + "\n";
}

double per_second(const LoadResult& result) {
    return result.seconds > 0 ? static_cast<double>(result.done) / result.seconds : 0;
}

}  // namespace

json::object report_json(const LoadResult& result) {
    json::object outcomes;
    for (const auto& [what, count] : result.outcomes) outcomes[what] = count;
    return {
        {"done", result.done},
        {"requests", result.requests},
        {"seconds", result.seconds},
        {"perSecond", per_second(result)},
        {"clientCpuSeconds", result.client_cpu_seconds},
        {"outcomes", std::move(outcomes)},
        {"latencyMilliseconds", json::object{{"handshake", latency_json(result.handshake)},
                                             {"registration", latency_json(result.registration)},
                                             {"total", latency_json(result.total)}}},
    };
}

std::string report_text(const LoadResult& result) {
    auto text = fmt::format("{} devices in {:.2f} s: {:.0f} per second ({:.2f} s of this client's CPU)\n\n",
                            result.done, result.seconds, per_second(result), result.client_cpu_seconds);
    text += fmt::format("{:<14}", "milliseconds");
    for (const auto& percentile : percentiles) text += fmt::format("{:>11}", percentile.name);
    text += "\n" + latency_line("handshake", result.handshake);
    if (!result.registration.empty()) text += latency_line("registration", result.registration);
    text += latency_line("total", result.total) + "\n";
    for (const auto& [what, count] : result.outcomes) text += fmt::format("{:>8}  {}\n", count, printable(what));
    return text;
}

}  // namespace muster::cli::simulate
