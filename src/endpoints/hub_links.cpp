#include "endpoints/hub_links.h"

#include "base/text.h"
#include "provisioning/linked_hubs.h"

namespace muster::endpoints {
namespace {

using access::Right;

Result<> outcome_of(const auto& result) {
    if (result) return {};
    return std::unexpected(result.error());
}

net::HttpResponse object_answer(const Exchange& exchange, const Result<json::object>& result) {
    return result ? json_answer(exchange, 200, *result) : provisioning_error(exchange, result.error());
}

// Reading is part of reading enrollments: they name the hubs.
Task<net::HttpResponse> read(const Exchange& exchange, provisioning::LinkedHubs& hubs) {
    if (auto policy = exchange.authorize(Right::enrollment_read); !policy)
        co_return provisioning_error(exchange, policy.error());
    if (exchange.segment_is(0, "allocationPolicy")) co_return object_answer(exchange, co_await hubs.default_policy());
    if (exchange.segments().size() == 1) {
        auto all = co_await hubs.list();
        if (!all) co_return provisioning_error(exchange, all.error());
        co_return json_answer(exchange, 200, json::object{{"value", std::move(*all)}});
    }
    co_return object_answer(exchange, co_await hubs.get(exchange.segments()[1]));
}

Task<net::HttpResponse> put(const Exchange& exchange, provisioning::LinkedHubs& hubs) {
    auto policy = exchange.authorize(Right::service_config);
    if (!policy) co_return provisioning_error(exchange, policy.error());
    auto body = exchange.body();
    if (!body) co_return provisioning_error(exchange, body.error());
    const auto by = origin_of(exchange, **policy);
    if (exchange.segment_is(0, "allocationPolicy")) {
        const auto result = co_await hubs.put_default_policy(std::move(*body), by);
        log_change(exchange, **policy, "allocation policy written", outcome_of(result));
        co_return object_answer(exchange, result);
    }
    const bool untried = equals_ignore_case(exchange.request.parameter("untried").value_or(""), "true");
    const auto result = co_await hubs.put(exchange.segments()[1], std::move(*body), exchange.if_match(), untried, by);
    log_change(exchange, **policy, "hub linked", outcome_of(result));
    co_return object_answer(exchange, result);
}

Task<net::HttpResponse> remove(const Exchange& exchange, provisioning::LinkedHubs& hubs) {
    auto policy = exchange.authorize(Right::service_config);
    if (!policy) co_return provisioning_error(exchange, policy.error());
    const auto result =
        co_await hubs.remove(exchange.segments()[1], exchange.if_match(), origin_of(exchange, **policy));
    log_change(exchange, **policy, "hub unlinked", result);
    co_return result ? empty_answer(exchange, 204) : provisioning_error(exchange, result.error());
}

}  // namespace

bool is_hub_link(const Exchange& exchange) {
    return exchange.segment_is(0, "iotHubs") || exchange.segment_is(0, "allocationPolicy");
}

Task<net::HttpResponse> hub_links(const Exchange& exchange) {
    if (exchange.api_version().empty()) co_return provisioning_error(exchange, missing_api_version());
    const bool is_policy = exchange.segment_is(0, "allocationPolicy");
    const auto depth = exchange.segments().size();
    if (exchange.services.linked_hubs == nullptr || depth > (is_policy ? 1u : 2u))
        co_return provisioning_error(exchange, no_such_path(exchange));
    auto& hubs = *exchange.services.linked_hubs;
    const bool of_one = is_policy || depth == 2;
    if (exchange.is("GET")) co_return co_await read(exchange, hubs);
    if (exchange.is("PUT") && of_one) co_return co_await put(exchange, hubs);
    if (exchange.is("DELETE") && of_one && !is_policy) co_return co_await remove(exchange, hubs);
    const auto* allowed = is_policy ? "GET, PUT" : of_one ? "GET, PUT, DELETE" : "GET";
    co_return provisioning_error(exchange, method_not_allowed(exchange, allowed));
}

}  // namespace muster::endpoints
