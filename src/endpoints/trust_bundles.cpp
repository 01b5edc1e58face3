#include "endpoints/trust_bundles.h"

#include "base/text.h"
#include "provisioning/trust_bundles.h"

namespace muster::endpoints {
namespace {

using access::Right;
using provisioning::TrustBundles;

// Reading is part of reading enrollments, which name the bundles; whom devices trust is the service's to say.
Task<net::HttpResponse> get(const Exchange& exchange, TrustBundles& bundles) {
    if (auto policy = exchange.authorize(Right::enrollment_read); !policy)
        co_return provisioning_error(exchange, policy.error());
    const auto result = co_await bundles.get(exchange.segments()[1]);
    co_return result ? json_answer(exchange, 200, *result) : provisioning_error(exchange, result.error());
}

Task<net::HttpResponse> query(const Exchange& exchange, TrustBundles& bundles) {
    if (auto policy = exchange.authorize(Right::enrollment_read); !policy)
        co_return provisioning_error(exchange, policy.error());
    auto body = exchange.body();
    if (!body) co_return provisioning_error(exchange, body.error());
    auto page = page_request(exchange);
    if (!page) co_return provisioning_error(exchange, page.error());
    const bool whole = equals_ignore_case(exchange.request.parameter("withCertificateData").value_or(""), "true");
    auto result = co_await bundles.query(std::move(*body), std::move(*page), whole);
    if (!result) co_return provisioning_error(exchange, result.error());
    co_return page_answer(exchange, std::move(*result), "TrustBundle");
}

Task<net::HttpResponse> put(const Exchange& exchange, TrustBundles& bundles) {
    auto policy = exchange.authorize(Right::service_config);
    if (!policy) co_return provisioning_error(exchange, policy.error());
    auto body = exchange.body();
    if (!body) co_return provisioning_error(exchange, body.error());
    const auto result = co_await bundles.put(exchange.segments()[1], std::move(*body), exchange.if_match(),
                                             origin_of(exchange, **policy));
    log_change(exchange, **policy, "trust bundle written", result ? Result<>() : fail(result.error()));
    co_return result ? json_answer(exchange, 200, *result) : provisioning_error(exchange, result.error());
}

Task<net::HttpResponse> remove(const Exchange& exchange, TrustBundles& bundles) {
    auto policy = exchange.authorize(Right::service_config);
    if (!policy) co_return provisioning_error(exchange, policy.error());
    const auto result =
        co_await bundles.remove(exchange.segments()[1], exchange.if_match(), origin_of(exchange, **policy));
    log_change(exchange, **policy, "trust bundle deleted", result);
    co_return result ? empty_answer(exchange, 204) : provisioning_error(exchange, result.error());
}

}  // namespace

bool is_trust_bundle(const Exchange& exchange) {
    return exchange.services.trust_bundles != nullptr && exchange.segment_is(0, "trustBundles");
}

Task<net::HttpResponse> trust_bundles(const Exchange& exchange) {
    if (exchange.api_version().empty()) co_return provisioning_error(exchange, missing_api_version());
    if (exchange.segments().size() != 2) co_return provisioning_error(exchange, no_such_path(exchange));
    auto& bundles = *exchange.services.trust_bundles;
    if (exchange.is("POST") && exchange.segment_is(1, "query")) co_return co_await query(exchange, bundles);
    if (exchange.is("GET")) co_return co_await get(exchange, bundles);
    if (exchange.is("PUT")) co_return co_await put(exchange, bundles);
    if (exchange.is("DELETE")) co_return co_await remove(exchange, bundles);
    co_return provisioning_error(exchange, method_not_allowed(exchange, "GET, PUT, DELETE"));
}

}  // namespace muster::endpoints
