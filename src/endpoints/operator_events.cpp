// GET /muster/events: what happened, page by page, waited for at its end. GET /muster/audit: who changed what.
#include "base/text.h"
#include "endpoints/fronts.h"
#include "provisioning/errors.h"
#include "provisioning/events.h"

namespace muster::endpoints {
namespace {

using access::Right;
using provisioning::is_of_type;

// Which right a caller needs to hear of a type; changes of the service itself need ServiceConfig.
struct Audience {
    std::string_view type;
    Right right;
};
constexpr std::array audiences{
    Audience{"twin", Right::registry_read},
    Audience{"oneTimePassword", Right::enrollment_read},
    Audience{"revocationList", Right::enrollment_read},
    Audience{"trustBundle", Right::enrollment_read},
    Audience{"registration", Right::registration_status_read},
    Audience{"enrollment", Right::enrollment_read},
    Audience{"enrollmentGroup", Right::enrollment_read},
    Audience{"certificate", Right::enrollment_read},
    Audience{"device", Right::registry_read},
    Audience{"module", Right::registry_read},
};

Right right_for(std::string_view type) {
    const auto* found = std::ranges::find_if(audiences, [&](const auto& each) { return is_of_type(type, each.type); });
    return found == audiences.end() ? Right::service_config : found->right;
}

Result<std::optional<std::int64_t>> number_parameter(const Exchange& exchange, std::string_view name,
                                                     std::int64_t most) {
    const auto text = exchange.request.parameter(name);
    if (!text) return std::nullopt;
    const auto number = parse_integer<std::int64_t>(*text);
    if (number && *number >= 0 && *number <= most) return number;
    return fail(provisioning::bad_body(
        fmt::format("{} must be a number from 0 to {}, not '{}'", name, most, printable(*text))));
}

Result<std::optional<TimePoint>> time_parameter(const Exchange& exchange, std::string_view name) {
    const auto text = exchange.request.parameter(name);
    if (!text) return std::nullopt;
    const auto time = parse_utc(*text);
    if (time) return time;
    return fail(provisioning::bad_body(
        fmt::format("{} must be a time like 2026-11-24T06:00:00Z, not '{}'", name, printable(*text))));
}

Result<std::vector<std::string>> types_parameter(const Exchange& exchange) {
    std::vector<std::string> types;
    for (const auto type : split(exchange.request.parameter("types").value_or(""), ','))
        if (!trim(type).empty()) types.emplace_back(trim(type));
    MUSTER_CHECK(provisioning::check_event_types(types));
    return types;
}

constexpr auto any_number = std::numeric_limits<std::int64_t>::max();

Result<provisioning::EventRequest> event_request(const Exchange& exchange, const access::Policy& policy) {
    provisioning::EventRequest request;
    MUSTER_TRY(request.after, number_parameter(exchange, "after", any_number));
    MUSTER_TRY(request.since, time_parameter(exchange, "since"));
    MUSTER_TRY(const auto last, number_parameter(exchange, "last", provisioning::max_events_page));
    MUSTER_TRY(const auto limit, number_parameter(exchange, "limit", provisioning::max_events_page));
    MUSTER_TRY(const auto wait, number_parameter(exchange, "wait", provisioning::max_events_wait.count()));
    request.last = static_cast<std::size_t>(last.value_or(0));
    if (limit) request.limit = static_cast<std::size_t>(*limit);
    request.wait = std::chrono::seconds(wait.value_or(0));
    MUSTER_TRY(request.types, types_parameter(exchange));
    for (const auto& type : request.types) {
        if (policy.may(right_for(type))) continue;
        return fail(Error(Errc::unauthorized, fmt::format("the access policy '{}' lacks the right {}, which events of "
                                                          "type '{}' need",
                                                          policy.name, to_string(right_for(type)), printable(type))));
    }
    request.may_see = [rights = policy.rights](std::string_view type) {
        return (rights & static_cast<unsigned>(right_for(type))) != 0;
    };
    return request;
}

Result<provisioning::AuditRequest> audit_request(const Exchange& exchange) {
    provisioning::AuditRequest request;
    MUSTER_TRY(request.before, number_parameter(exchange, "before", any_number));
    MUSTER_TRY(request.since, time_parameter(exchange, "since"));
    MUSTER_TRY(const auto limit, number_parameter(exchange, "limit", provisioning::max_events_page));
    if (limit) request.limit = static_cast<std::size_t>(*limit);
    request.actor = exchange.request.parameter("actor").value_or("");
    request.subject = exchange.request.parameter("subject").value_or("");
    MUSTER_TRY(request.types, types_parameter(exchange));
    return request;
}

}  // namespace

Task<net::HttpResponse> operator_events(const Exchange& exchange) {
    if (!exchange.is("GET")) co_return provisioning_error(exchange, method_not_allowed(exchange, "GET"));
    const auto policy = exchange.authenticate();
    if (!policy) co_return provisioning_error(exchange, policy.error());
    auto request = event_request(exchange, **policy);
    if (!request) co_return provisioning_error(exchange, request.error());
    auto page = co_await exchange.services.events.read(std::move(*request));
    if (!page) co_return provisioning_error(exchange, page.error());
    co_return json_answer(exchange, 200,
                          json::object{{"events", std::move(page->events)},
                                       {"next", fmt::format("{}", page->next)},
                                       {"more", page->more},
                                       {"gap", page->gap}});
}

Task<net::HttpResponse> operator_audit(const Exchange& exchange) {
    if (!exchange.is("GET")) co_return provisioning_error(exchange, method_not_allowed(exchange, "GET"));
    if (auto policy = exchange.authorize(Right::service_config); !policy)
        co_return provisioning_error(exchange, policy.error());
    auto request = audit_request(exchange);
    if (!request) co_return provisioning_error(exchange, request.error());
    auto page = co_await exchange.services.events.audit(std::move(*request));
    if (!page) co_return provisioning_error(exchange, page.error());
    json::object body{{"changes", std::move(page->changes)}};
    if (page->next) body["next"] = fmt::format("{}", *page->next);
    co_return json_answer(exchange, 200, body);
}

}  // namespace muster::endpoints
