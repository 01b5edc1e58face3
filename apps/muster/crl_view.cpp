#include "muster/crl_view.h"

#include "muster/output.h"

namespace muster::cli {

std::string crl_ended(const json::object& list) {
    if (text_at(list, "ended") != "true") return "no";
    return text_at(list, "mustBeCurrent") == "true" ? "yes: the group lets no device in by this CA" : "yes, used on";
}

std::string crl_origin(const json::object& list, TimePoint now) {
    const auto url = string_or(list, "url");
    if (url.empty()) return "upload";
    const auto problem = string_or(list, "problem");
    const auto fetched = short_time(list, "fetchedUtc", now);
    if (problem.empty()) return fmt::format("{}, fetched {}", url, fetched);
    return fmt::format("{}, fails since {} ({} times): {}", url, fetched, text_at(list, "failures"), problem);
}

std::string crl_summary(const json::object& list, TimePoint now) {
    const auto ended = text_at(list, "ended") == "true" ? fmt::format(", ended: {}", crl_ended(list)) : std::string();
    return fmt::format("'{}', {} entries{}; {}", string_or(list, "issuer"), text_at(list, "entries"), ended,
                       crl_origin(list, now));
}

}  // namespace muster::cli
