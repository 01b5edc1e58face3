#include "base/text.h"
#include "endpoints/fronts.h"
#include "provisioning/errors.h"

namespace muster::endpoints {
namespace {

// The published bound of a request to the provisioning service (facts/dps.md 5).
constexpr std::size_t max_request = 96 * 1024;
// By the time the first answer leaves, the registration is durable: the device need only come back.
constexpr std::string_view retry_after_seconds = "1";

provisioning::DeviceRequest device_request(const Exchange& exchange) {
    return {.scope = exchange.segments()[0],
            .registration_id = exchange.segments()[2],
            .chain = exchange.peer.chain,
            .authorization = std::string(exchange.request.headers.get("Authorization")),
            .tracking_id = exchange.tracking_id,
            .peer = exchange.peer.address};
}

Task<net::HttpResponse> register_device(const Exchange& exchange) {
    if (!exchange.is("PUT")) co_return provisioning_error(exchange, method_not_allowed(exchange, "PUT"));
    auto body = exchange.body();
    if (!body) co_return provisioning_error(exchange, body.error());
    auto result = co_await exchange.services.registrations.register_device(device_request(exchange), std::move(*body));
    if (!result) co_return provisioning_error(exchange, result.error());
    auto response = json_answer(exchange, 202, *result);
    response.headers.add("Location", exchange.request.target);
    response.headers.add("Retry-After", std::string(retry_after_seconds));
    co_return response;
}

Task<net::HttpResponse> operation_status(const Exchange& exchange) {
    if (!exchange.is("GET")) co_return provisioning_error(exchange, method_not_allowed(exchange, "GET"));
    auto result =
        co_await exchange.services.registrations.operation_status(device_request(exchange), exchange.segments()[4]);
    if (!result) co_return provisioning_error(exchange, result.error());
    const bool assigning = result->at("status") == "assigning";
    auto response = json_answer(exchange, assigning ? 202 : 200, *result);
    if (assigning) response.headers.add("Retry-After", std::string(retry_after_seconds));
    co_return response;
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
    if (exchange.request.body.size() > max_request)
        co_return provisioning_error(
            exchange, Error(Errc::too_large, fmt::format("the request has more than {} bytes", max_request)));
    if (segments.size() == 4 && exchange.segment_is(3, "register")) co_return co_await register_device(exchange);
    if (segments.size() == 5 && exchange.segment_is(3, "operations")) co_return co_await operation_status(exchange);
    if (segments.size() == 3) co_return co_await lookup(exchange);
    co_return provisioning_error(exchange, no_such_path(exchange));
}

}  // namespace muster::endpoints
