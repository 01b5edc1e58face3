#include "endpoints/https.h"

#include "endpoints/authority_front.h"
#include "endpoints/est.h"
#include "endpoints/fronts.h"
#include "endpoints/group_crl_front.h"
#include "endpoints/hub_links.h"
#include "endpoints/trust_bundles.h"

namespace muster::endpoints {
namespace {

Task<net::HttpResponse> route(const Exchange& exchange) {
    if (exchange.path_is_broken())
        co_return provisioning_error(exchange, Error(Errc::invalid_argument, "the path has a broken percent escape"));
    if (is_est(exchange)) co_return co_await est(exchange);
    if (is_authority(exchange)) co_return co_await authority_front(exchange);
    if (is_revocation_list(exchange)) co_return co_await revocation_list(exchange);
    if (is_group_crl(exchange)) co_return co_await group_crls(exchange);
    if (exchange.segment_is(0, "muster")) co_return co_await operator_front(exchange);
    if (is_trust_bundle(exchange)) co_return co_await trust_bundles(exchange);
    if (is_hub_link(exchange)) co_return co_await hub_links(exchange);
    if (is_provisioning_service(exchange)) co_return co_await provisioning_service(exchange);
    if (is_hub_registry(exchange)) co_return co_await hub_registry(exchange);
    if (exchange.segment_is(1, "registrations")) co_return co_await provisioning_device(exchange);
    co_return provisioning_error(exchange, no_such_path(exchange));
}

// Where who calls is judged by access policies; a device's own modules are in the registry, too.
bool is_for_services(const Exchange& exchange) {
    return exchange.segment_is(0, "muster") || is_trust_bundle(exchange) || is_hub_link(exchange) ||
           is_provisioning_service(exchange) || is_hub_registry(exchange);
}

Task<net::HttpResponse> answer(Exchange& exchange) {
    if (exchange.has_authorization() && is_for_services(exchange))
        if (const auto taken = co_await exchange.take_newest_policies(); !taken)
            co_return is_hub_registry(exchange) ? hub_error(exchange, taken.error())
                                                : provisioning_error(exchange, taken.error());
    co_return co_await route(exchange);
}

std::string_view front_name(const Exchange& exchange) {
    if (is_est(exchange)) return "est";
    if (is_revocation_list(exchange)) return "crl";
    if (exchange.segment_is(0, "muster")) return "operator";
    if (is_provisioning_service(exchange) || is_hub_link(exchange) || is_trust_bundle(exchange)) return "service";
    if (is_hub_registry(exchange)) return "hub";
    return "device";
}

}  // namespace

net::HttpHandler https_handler(const Services& services) {
    return [&services](const net::HttpRequest& request, const net::Peer& peer) -> Task<net::HttpResponse> {
        const auto began = std::chrono::steady_clock::now();
        Exchange exchange(services, request, peer);
        auto response = co_await answer(exchange);
        services.metrics.request(front_name(exchange), response.status, std::chrono::steady_clock::now() - began);
        co_return response;
    };
}

}  // namespace muster::endpoints
