#include "endpoints/exchange.h"

#include <fmt/chrono.h>

#include "base/log.h"
#include "base/text.h"
#include "hub/errors.h"
#include "provisioning/errors.h"

namespace muster::endpoints {
namespace {

std::string path(const Exchange& exchange) {
    return printable(exchange.request.path());
}

net::HttpResponse answer(const Exchange& exchange, int status) {
    net::HttpResponse response;
    response.status = status;
    response.headers.add("x-ms-request-id", exchange.tracking_id);
    return response;
}

// "Tracking ID:{hex32}-G:0-TimeStamp:MM/DD/YYYY HH:MM:SS", as the hub's clients log it.
std::string hub_tracking(const Exchange& exchange) {
    std::string hex;
    for (const char c : exchange.tracking_id)
        if (c != '-') hex += c;
    const auto now = std::chrono::system_clock::to_time_t(exchange.services.clock.now());
    return fmt::format("Tracking ID:{}-G:0-TimeStamp:{:%m/%d/%Y %H:%M:%S}", hex, fmt::gmtime(now));
}

}  // namespace

Exchange::Exchange(const Services& all, const net::HttpRequest& http_request, const net::Peer& http_peer)
    : services(all),
      request(http_request),
      peer(http_peer),
      tracking_id(all.random.guid()),
      policies_(all.policies.current()) {
    auto segments = net::path_segments(request.path());
    path_is_broken_ = !segments;
    if (segments) segments_ = std::move(*segments);
}

bool Exchange::segment_is(std::size_t index, std::string_view word) const {
    return index < segments_.size() && equals_ignore_case(segments_[index], word);
}

std::string Exchange::api_version() const {
    const auto version = request.parameter("api-version").value_or("");
    return is_api_version(version) ? version : "";
}

std::optional<std::string> Exchange::if_match() const {
    const auto* header = request.headers.find("If-Match");
    return header == nullptr ? std::nullopt : std::optional(*header);
}

Result<json::object> Exchange::body() const {
    if (trim(request.body).empty()) return json::object();
    auto parsed = parse_json_object(request.body);
    if (!parsed) return fail(parsed.error().wrap("the request body"));
    return parsed;
}

Task<Result<>> Exchange::take_newest_policies() {
    MUSTER_CO_TRY(policies_, co_await services.policies.newest());
    co_return Result<>();
}

Result<const access::Policy*> Exchange::authenticate() const {
    return policies_->authenticate(request.headers.get("Authorization"), services.names, services.clock.now());
}

Result<const access::Policy*> Exchange::authorize(access::Right right) const {
    MUSTER_TRY(const auto* policy, authenticate());
    if (policy->may(right)) {
        if (const auto refusal = services.throttle.admit_operation()) {
            services.metrics.throttled(to_string(refusal->limit));
            return fail(throttled(*refusal));
        }
        return policy;
    }
    return fail(Error(Errc::unauthorized,
                      fmt::format("the access policy '{}' lacks the right {}", policy->name, access::to_string(right)))
                    .with_hint("use a policy that has it"));
}

net::HttpResponse json_answer(const Exchange& exchange, int status, const json::value& body) {
    auto response = answer(exchange, status);
    response.headers.add("Content-Type", "application/json; charset=utf-8");
    response.body = json::serialize(body);
    return response;
}

net::HttpResponse empty_answer(const Exchange& exchange, int status) {
    return answer(exchange, status);
}

net::HttpResponse provisioning_error(const Exchange& exchange, const Error& error) {
    const int number = provisioning::error_number(error);
    auto response =
        json_answer(exchange, number / 1000,
                    provisioning_error_body(exchange.services, error, exchange.tracking_id, path(exchange)));
    response.headers.add("x-ms-error-code", fmt::format("{}", number));
    if (const auto wait = retry_after(error)) response.headers.add("Retry-After", fmt::format("{}", wait->count()));
    return response;
}

net::HttpResponse hub_error(const Exchange& exchange, const Error& error) {
    const int number = hub::error_number(error);
    const auto name = hub::error_name(number);
    const int status = number / 1000;
    auto response = json_answer(
        exchange, status,
        json::object{{"Message", fmt::format("ErrorCode:{};{}", name,
                                             wire_message(error, status, exchange.tracking_id, path(exchange)))},
                     {"ExceptionMessage", hub_tracking(exchange)}});
    response.headers.add("iothub-errorcode", std::string(name));
    return response;
}

Error method_not_allowed(const Exchange& exchange, std::string_view allowed) {
    return Error(Errc::invalid_argument,
                 fmt::format("{} is not possible here; possible: {}", printable(exchange.request.method), allowed))
        .with_number(provisioning::code::method_not_allowed);
}

Error no_such_path(const Exchange& exchange) {
    return Error(Errc::not_found, fmt::format("there is nothing at {}", printable(exchange.request.path())))
        .with_number(provisioning::code::not_found);
}

store::Origin origin_of(const Exchange& exchange, const access::Policy& policy) {
    return {.actor = policy.name, .peer = exchange.peer.address, .tracking_id = exchange.tracking_id};
}

Result<provisioning::PageRequest> page_request(const Exchange& exchange) {
    provisioning::PageRequest page;
    const auto& headers = exchange.request.headers;
    if (const auto* count = headers.find("x-ms-max-item-count"); count != nullptr && !count->empty()) {
        const auto number = parse_integer<std::int64_t>(*count);
        // Some clients send -1 for "as many as you like".
        if (!number || *number < -1 || *number == 0)
            return fail(provisioning::bad_body(
                fmt::format("x-ms-max-item-count must be a positive number, not '{}'", printable(*count))));
        page.limit = *number < 0 ? provisioning::max_page : static_cast<std::size_t>(*number);
    }
    page.continuation = headers.get("x-ms-continuation");
    return page;
}

net::HttpResponse page_answer(const Exchange& exchange, provisioning::PageOf page, std::string_view item_type) {
    auto response = json_answer(exchange, 200, page.items);
    response.headers.add("x-ms-item-type", std::string(item_type));
    // Absent on the last page: clients go on for as long as the header is there.
    if (!page.continuation.empty()) response.headers.add("x-ms-continuation", page.continuation);
    return response;
}

void log_change(const Exchange& exchange, const access::Policy& policy, std::string_view what,
                const Result<>& outcome) {
    log::write(outcome ? log::Level::info : log::Level::warn, what,
               {{"path", printable(exchange.request.path())},
                {"policy", policy.name},
                {"outcome", outcome ? "done" : outcome.error().chain()},
                {"peer", exchange.peer.address},
                {"trackingId", exchange.tracking_id}});
}

}  // namespace muster::endpoints
