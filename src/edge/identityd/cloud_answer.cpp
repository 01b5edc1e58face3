#include "edge/identityd/cloud_answer.h"

#include <ctime>

#include "base/json.h"
#include "base/text.h"

namespace muster::edge::identityd {
namespace {

constexpr std::chrono::seconds longest_wish{300};

Errc code_of(int status) {
    if (status == 429) return Errc::throttled;
    if (status >= 500) return Errc::unavailable;
    return status == 401 || status == 403 ? Errc::unauthorized : Errc::conflict;
}

// A member under any of the names that the two services give it.
std::string named(const json::object& body, std::initializer_list<std::string_view> names) {
    for (const auto name : names) {
        const auto* value = find_member(body, name);
        if (value == nullptr) continue;
        if (value->is_string()) return printable(std::string_view(value->get_string()), 300);
        if (value->is_int64()) return std::to_string(value->get_int64());
    }
    return {};
}

}  // namespace

std::optional<std::chrono::seconds> retry_after(const net::HttpResponse& response) {
    const auto seconds = parse_integer<long>(trim(response.headers.get("retry-after")));
    if (!seconds || *seconds < 1) return std::nullopt;
    return std::min(std::chrono::seconds(*seconds), longest_wish);
}

std::optional<TimePoint> date_of(const net::HttpResponse& response) {
    // 2020-01-01: what is older is no clock.
    constexpr std::int64_t earliest = 1577836800;
    const std::string text(trim(response.headers.get("date")));
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (end == nullptr || *end != '\0') return std::nullopt;
    const auto seconds = static_cast<std::int64_t>(::timegm(&parts));
    if (seconds < earliest) return std::nullopt;
    return TimePoint(std::chrono::seconds(seconds));
}

bool passing_fault(const net::HttpResponse& response) {
    return response.status == 429 || response.status >= 500;
}

Error refusal(std::string_view what, const net::HttpResponse& response) {
    auto text = fmt::format("{}: HTTP {}", what, response.status);
    const auto body = parse_json_object(response.body);
    if (!body) {
        if (!response.body.empty()) text += ": " + printable(response.body);
        return Error(code_of(response.status), std::move(text)).with_number(response.status);
    }
    if (const auto code = named(*body, {"errorCode", "code"}); !code.empty()) text += ", errorCode " + code;
    if (const auto id = named(*body, {"trackingId", "TrackingId"}); !id.empty()) text += ", trackingId " + id;
    if (const auto time = named(*body, {"timestampUtc"}); !time.empty()) text += ", at " + time;
    if (const auto message = named(*body, {"message", "Message", "errorMessage", "ExceptionMessage"}); !message.empty())
        text += ": " + message;
    return Error(code_of(response.status), std::move(text)).with_number(response.status);
}

}  // namespace muster::edge::identityd
