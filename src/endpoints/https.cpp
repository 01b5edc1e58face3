#include "endpoints/https.h"

#include "endpoints/fronts.h"

namespace muster::endpoints {
namespace {

Task<net::HttpResponse> route(const Exchange& exchange) {
    if (exchange.path_is_broken())
        co_return provisioning_error(exchange, Error(Errc::invalid_argument, "the path has a broken percent escape"));
    if (exchange.segment_is(0, "muster")) co_return co_await operator_front(exchange);
    if (is_provisioning_service(exchange)) co_return co_await provisioning_service(exchange);
    if (is_hub_registry(exchange)) co_return co_await hub_registry(exchange);
    if (exchange.segment_is(1, "registrations")) co_return co_await provisioning_device(exchange);
    co_return provisioning_error(exchange, no_such_path(exchange));
}

std::string_view front_name(const Exchange& exchange) {
    if (exchange.segment_is(0, "muster")) return "operator";
    if (is_provisioning_service(exchange)) return "service";
    if (is_hub_registry(exchange)) return "hub";
    return "device";
}

}  // namespace

net::HttpHandler https_handler(const Services& services) {
    return [&services](const net::HttpRequest& request, const net::Peer& peer) -> Task<net::HttpResponse> {
        const auto began = std::chrono::steady_clock::now();
        const Exchange exchange(services, request, peer);
        auto response = co_await route(exchange);
        services.metrics.request(front_name(exchange), response.status, std::chrono::steady_clock::now() - began);
        co_return response;
    };
}

}  // namespace muster::endpoints
