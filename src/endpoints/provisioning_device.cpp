#include "base/text.h"
#include "endpoints/fronts.h"
#include "provisioning/errors.h"

namespace muster::endpoints {
namespace {

provisioning::DeviceRequest device_request(const Exchange& exchange) {
    return {.scope = exchange.segments()[0],
            .registration_id = exchange.segments()[2],
            .chain = exchange.peer.chain,
            .authorization = std::string(exchange.request.headers.get("Authorization")),
            .tracking_id = exchange.tracking_id,
            .peer = exchange.peer.address,
            .api_version = exchange.api_version()};
}

net::HttpResponse http_answer(const Exchange& exchange, const DeviceAnswer& answer) {
    auto response = json_answer(exchange, answer.status, answer.body);
    if (const auto* number = answer.body.if_contains("errorCode"))
        response.headers.add("x-ms-error-code", json::serialize(*number));
    if (answer.retry_after) response.headers.add("Retry-After", fmt::format("{}", answer.retry_after->count()));
    return response;
}

// "Prefer: wait=10" (RFC 7240 section 4.3): rather an answer that takes longer than one to come back for. Azure's
// clients do not say so, and some of them take nothing but 202.
bool would_rather_wait(const net::HttpRequest& request) {
    for (const auto preference : split(request.headers.get("Prefer"), ',')) {
        const auto name = trim(preference.substr(0, preference.find_first_of("=;")));
        if (equals_ignore_case(name, "wait")) return true;
    }
    return false;
}

// A registration is durable by the time it is answered, and final, too, unless the device's hub is another service.
Task<DeviceAnswer> outcome_of(const Exchange& exchange, const DeviceAnswer& accepted) {
    auto outcome =
        co_await operation_status(exchange.services, device_request(exchange), string_or(accepted.body, "operationId"));
    if (outcome.status != 200) co_return accepted;
    co_return outcome;
}

Task<net::HttpResponse> register_device(const Exchange& exchange) {
    if (!exchange.is("PUT")) co_return provisioning_error(exchange, method_not_allowed(exchange, "PUT"));
    auto answer = co_await register_device(exchange.services, device_request(exchange), exchange.request.body);
    const bool waits = answer.status == 202 && would_rather_wait(exchange.request);
    if (waits) answer = co_await outcome_of(exchange, answer);
    auto response = http_answer(exchange, answer);
    if (answer.status == 202) response.headers.add("Location", exchange.request.target);
    if (waits) response.headers.add("Preference-Applied", "wait");
    co_return response;
}

Task<net::HttpResponse> operation_status(const Exchange& exchange) {
    if (!exchange.is("GET")) co_return provisioning_error(exchange, method_not_allowed(exchange, "GET"));
    co_return http_answer(
        exchange, co_await operation_status(exchange.services, device_request(exchange), exchange.segments()[4]));
}

Task<net::HttpResponse> lookup(const Exchange& exchange) {
    if (!exchange.is("POST")) co_return provisioning_error(exchange, method_not_allowed(exchange, "POST"));
    const auto body = exchange.body();
    if (!body) co_return provisioning_error(exchange, body.error());
    if (find_member(*body, "csr") != nullptr)
        co_return provisioning_error(exchange, provisioning::bad_body("\"csr\" belongs to a register request"));
    co_return http_answer(exchange, co_await look_up_registration(exchange.services, device_request(exchange)));
}

}  // namespace

Task<net::HttpResponse> provisioning_device(const Exchange& exchange) {
    const auto& segments = exchange.segments();
    if (exchange.api_version().empty()) co_return provisioning_error(exchange, missing_api_version());
    if (exchange.request.body.size() > max_device_request)
        co_return provisioning_error(
            exchange, Error(Errc::too_large, fmt::format("the request has more than {} bytes", max_device_request)));
    if (segments.size() == 4 && exchange.segment_is(3, "register")) co_return co_await register_device(exchange);
    if (segments.size() == 5 && exchange.segment_is(3, "operations")) co_return co_await operation_status(exchange);
    if (segments.size() == 3) co_return co_await lookup(exchange);
    co_return provisioning_error(exchange, no_such_path(exchange));
}

}  // namespace muster::endpoints
