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
            .peer = exchange.peer.address};
}

net::HttpResponse http_answer(const Exchange& exchange, const DeviceAnswer& answer) {
    auto response = json_answer(exchange, answer.status, answer.body);
    if (const auto* number = answer.body.if_contains("errorCode"))
        response.headers.add("x-ms-error-code", json::serialize(*number));
    if (answer.retry_after) response.headers.add("Retry-After", fmt::format("{}", answer.retry_after->count()));
    return response;
}

Task<net::HttpResponse> register_device(const Exchange& exchange) {
    if (!exchange.is("PUT")) co_return provisioning_error(exchange, method_not_allowed(exchange, "PUT"));
    const auto answer = co_await register_device(exchange.services, device_request(exchange), exchange.request.body);
    auto response = http_answer(exchange, answer);
    if (answer.status == 202) response.headers.add("Location", exchange.request.target);
    co_return response;
}

Task<net::HttpResponse> operation_status(const Exchange& exchange) {
    if (!exchange.is("GET")) co_return provisioning_error(exchange, method_not_allowed(exchange, "GET"));
    co_return http_answer(
        exchange, co_await operation_status(exchange.services, device_request(exchange), exchange.segments()[4]));
}

Task<net::HttpResponse> lookup(const Exchange& exchange) {
    if (!exchange.is("POST")) co_return provisioning_error(exchange, method_not_allowed(exchange, "POST"));
    auto result = co_await exchange.services.registrations.lookup(device_request(exchange));
    if (!result) co_return provisioning_error(exchange, result.error());
    co_return json_answer(exchange, 200, *result);
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
