#include "endpoints/group_crl_front.h"

#include "provisioning/errors.h"

namespace muster::endpoints {
namespace {

using access::Right;

Task<net::HttpResponse> list(const Exchange& exchange) {
    if (const auto policy = exchange.authorize(Right::enrollment_read); !policy)
        co_return provisioning_error(exchange, policy.error());
    auto result = co_await exchange.services.group_crls->list(exchange.segments()[1]);
    if (!result) co_return provisioning_error(exchange, result.error());
    co_return json_answer(exchange, 200, json::object{{"value", std::move(*result)}});
}

Task<net::HttpResponse> put(const Exchange& exchange) {
    auto policy = exchange.authorize(Right::enrollment_write);
    if (!policy) co_return provisioning_error(exchange, policy.error());
    auto body = exchange.body();
    if (!body) co_return provisioning_error(exchange, body.error());
    const auto result = co_await exchange.services.group_crls->put(exchange.segments()[1], std::move(*body),
                                                                   origin_of(exchange, **policy));
    log_change(exchange, **policy, "revocation list written", result ? Result<>() : fail(result.error()));
    co_return result ? json_answer(exchange, 200, *result) : provisioning_error(exchange, result.error());
}

Task<net::HttpResponse> remove(const Exchange& exchange) {
    auto policy = exchange.authorize(Right::enrollment_write);
    if (!policy) co_return provisioning_error(exchange, policy.error());
    const auto result = co_await exchange.services.group_crls->remove(exchange.segments()[1], exchange.segments()[3],
                                                                      origin_of(exchange, **policy));
    log_change(exchange, **policy, "revocation list deleted", result);
    co_return result ? empty_answer(exchange, 204) : provisioning_error(exchange, result.error());
}

}  // namespace

bool is_group_crl(const Exchange& exchange) {
    return exchange.services.group_crls != nullptr && exchange.segment_is(0, "enrollmentGroups") &&
           exchange.segment_is(2, "revocationLists");
}

Task<net::HttpResponse> group_crls(const Exchange& exchange) {
    if (exchange.api_version().empty()) co_return provisioning_error(exchange, missing_api_version());
    const auto depth = exchange.segments().size();
    if (depth == 3 && exchange.is("GET")) co_return co_await list(exchange);
    if (depth == 3 && exchange.is("PUT")) co_return co_await put(exchange);
    if (depth == 3) co_return provisioning_error(exchange, method_not_allowed(exchange, "GET, PUT"));
    if (depth != 4) co_return provisioning_error(exchange, no_such_path(exchange));
    if (!exchange.is("DELETE")) co_return provisioning_error(exchange, method_not_allowed(exchange, "DELETE"));
    co_return co_await remove(exchange);
}

}  // namespace muster::endpoints
