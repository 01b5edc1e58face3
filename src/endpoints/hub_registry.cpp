#include "base/text.h"
#include "endpoints/fronts.h"
#include "hub/errors.h"
#include "wire/sas.h"

namespace muster::endpoints {
namespace {

using access::Right;
using hub::AuthenticationNames;

// The api-version with which identityd manages its modules: other names for authentication, 200 for every PUT.
constexpr std::string_view edge_api_version = "2017-11-08-preview";
constexpr std::size_t default_page = 1000;

bool is_edge_2017(const Exchange& exchange) {
    return exchange.api_version() == edge_api_version;
}

AuthenticationNames names(const Exchange& exchange) {
    return is_edge_2017(exchange) ? AuthenticationNames::edge_2017 : AuthenticationNames::current;
}

net::HttpResponse object_answer(const Exchange& exchange, const Result<json::object>& result) {
    return result ? json_answer(exchange, 200, *result) : hub_error(exchange, result.error());
}

net::HttpResponse deleted_answer(const Exchange& exchange, const Result<>& result) {
    return result ? empty_answer(exchange, 204) : hub_error(exchange, result.error());
}

Result<> outcome_of(const auto& result) {
    if (result) return {};
    return std::unexpected(result.error());
}

// "Without If-Match" and "If-Match: *" differ on a PUT; on a DELETE both mean "whatever it is now".
std::string delete_if_match(const Exchange& exchange) {
    return exchange.if_match().value_or("*");
}

Task<net::HttpResponse> list_devices(const Exchange& exchange) {
    if (auto policy = exchange.authorize(Right::registry_read); !policy) co_return hub_error(exchange, policy.error());
    std::size_t limit = default_page;
    if (const auto top = exchange.request.parameter("top")) {
        const auto number = parse_integer<std::size_t>(*top);
        if (!number || *number == 0)
            co_return hub_error(
                exchange,
                Error(Errc::invalid_argument, fmt::format("top must be a positive number, not '{}'", printable(*top))));
        limit = std::min(*number, default_page);
    }
    // The original's listing ends at 1000; ours goes on with the header that its queries use.
    std::string after;
    if (const auto* token = exchange.request.headers.find("x-ms-continuation"); token != nullptr) {
        const auto decoded = base64_decode(*token);
        if (!decoded)
            co_return hub_error(exchange,
                                Error(Errc::invalid_argument, "x-ms-continuation is not a token of this hub"));
        after = as_text(*decoded);
    }
    auto list = co_await exchange.services.registry.list_devices(limit, std::move(after));
    if (!list) co_return hub_error(exchange, list.error());
    auto response = json_answer(exchange, 200, list->devices);
    if (!list->next.empty()) response.headers.add("x-ms-continuation", base64_encode(as_bytes(list->next)));
    co_return response;
}

Task<net::HttpResponse> bulk(const Exchange& exchange) {
    auto policy = exchange.authorize(Right::registry_write);
    if (!policy) co_return hub_error(exchange, policy.error());
    auto body = parse_json(exchange.request.body);
    if (!body || !body->is_array())
        co_return hub_error(
            exchange, Error(Errc::invalid_argument, "the body of a bulk operation must be a JSON array of devices"));
    auto result = co_await exchange.services.registry.bulk(std::move(body->as_array()), origin_of(exchange, **policy));
    log_change(exchange, **policy, "devices written in bulk", outcome_of(result));
    if (!result) co_return hub_error(exchange, result.error());
    // A bulk operation with failed items answers 400 with the result as its body (facts/hub.md 3.6).
    co_return json_answer(exchange, result->at("isSuccessful").as_bool() ? 200 : 400, *result);
}

Task<net::HttpResponse> put_device(const Exchange& exchange, const std::string& id) {
    auto policy = exchange.authorize(Right::registry_write);
    if (!policy) co_return hub_error(exchange, policy.error());
    auto body = exchange.body();
    if (!body) co_return hub_error(exchange, body.error());
    auto written = co_await exchange.services.registry.put_device(id, std::move(*body), exchange.if_match(),
                                                                  origin_of(exchange, **policy));
    log_change(exchange, **policy, "device written", outcome_of(written));
    // 200 for a created device too, as the original does.
    co_return written ? json_answer(exchange, 200, written->identity) : hub_error(exchange, written.error());
}

Task<net::HttpResponse> delete_device(const Exchange& exchange, const std::string& id) {
    auto policy = exchange.authorize(Right::registry_write);
    if (!policy) co_return hub_error(exchange, policy.error());
    const auto result =
        co_await exchange.services.registry.delete_device(id, delete_if_match(exchange), origin_of(exchange, **policy));
    log_change(exchange, **policy, "device deleted", result);
    co_return deleted_answer(exchange, result);
}

Task<net::HttpResponse> device(const Exchange& exchange, const std::string& id) {
    if (exchange.is("PUT")) co_return co_await put_device(exchange, id);
    if (exchange.is("DELETE")) co_return co_await delete_device(exchange, id);
    if (!exchange.is("GET")) co_return hub_error(exchange, method_not_allowed(exchange, "GET, PUT, DELETE"));
    if (auto policy = exchange.authorize(Right::registry_read); !policy) co_return hub_error(exchange, policy.error());
    co_return object_answer(exchange, co_await exchange.services.registry.get_device(id));
}

// A token that names a policy is a service's; anything else on a module path is the device speaking for itself.
bool comes_from_service(const Exchange& exchange) {
    if (!exchange.has_authorization()) return exchange.peer.chain.empty();
    const auto token = wire::SasToken::parse(exchange.request.headers.get("Authorization"));
    return !token || !token->policy.empty();
}

// Services by their rights; a device for its own modules (facts/hub.md 6.2). Who it is, for the journal.
Task<Result<store::Origin>> authorize_modules(const Exchange& exchange, const std::string& device_id, Right right) {
    if (comes_from_service(exchange)) {
        MUSTER_CO_TRY(const auto* policy, exchange.authorize(right));
        co_return origin_of(exchange, *policy);
    }
    hub::DeviceCredentials credentials{.authorization = std::string(exchange.request.headers.get("Authorization"))};
    if (!exchange.peer.chain.empty()) {
        credentials.leaf_sha1 = exchange.peer.chain.front().sha1_thumbprint();
        credentials.leaf_sha256 = exchange.peer.chain.front().sha256_thumbprint();
    }
    MUSTER_CO_CHECK(
        co_await exchange.services.registry.authenticate(device_id, std::move(credentials), exchange.services.names));
    co_return store::Origin{.actor = fmt::format("device {}", device_id),
                            .peer = exchange.peer.address,
                            .tracking_id = exchange.tracking_id};
}

Task<net::HttpResponse> list_modules(const Exchange& exchange, const std::string& device_id) {
    if (!exchange.is("GET")) co_return hub_error(exchange, method_not_allowed(exchange, "GET"));
    if (auto allowed = co_await authorize_modules(exchange, device_id, Right::registry_read); !allowed)
        co_return hub_error(exchange, allowed.error());
    auto modules = co_await exchange.services.registry.list_modules(device_id, names(exchange));
    co_return modules ? json_answer(exchange, 200, *modules) : hub_error(exchange, modules.error());
}

Task<net::HttpResponse> put_module(const Exchange& exchange, const std::string& device_id, const std::string& module_id,
                                   store::Origin by) {
    auto body = exchange.body();
    if (!body) co_return hub_error(exchange, body.error());
    auto written = co_await exchange.services.registry.put_module(device_id, module_id, std::move(*body),
                                                                  exchange.if_match(), names(exchange), std::move(by));
    if (!written) co_return hub_error(exchange, written.error());
    co_return json_answer(exchange, written->created && !is_edge_2017(exchange) ? 201 : 200, written->identity);
}

Task<net::HttpResponse> module(const Exchange& exchange, const std::string& device_id, const std::string& module_id) {
    const auto right = exchange.is("GET") ? Right::registry_read : Right::registry_write;
    auto by = co_await authorize_modules(exchange, device_id, right);
    if (!by) co_return hub_error(exchange, by.error());
    if (exchange.is("GET"))
        co_return object_answer(exchange,
                                co_await exchange.services.registry.get_module(device_id, module_id, names(exchange)));
    if (exchange.is("PUT")) co_return co_await put_module(exchange, device_id, module_id, std::move(*by));
    if (exchange.is("DELETE"))
        co_return deleted_answer(exchange, co_await exchange.services.registry.delete_module(
                                               device_id, module_id, delete_if_match(exchange), std::move(*by)));
    co_return hub_error(exchange, method_not_allowed(exchange, "GET, PUT, DELETE"));
}

Task<net::HttpResponse> devices(const Exchange& exchange) {
    const auto& segments = exchange.segments();
    if (segments.size() == 1) {
        if (exchange.is("GET")) co_return co_await list_devices(exchange);
        if (exchange.is("POST")) co_return co_await bulk(exchange);
        co_return hub_error(exchange, method_not_allowed(exchange, "GET, POST"));
    }
    if (segments.size() == 2 && exchange.is("POST") && exchange.segment_is(1, "query"))
        co_return hub_error(exchange, Error(Errc::unsupported, "device queries are not in this version of Muster"));
    if (segments.size() == 2) co_return co_await device(exchange, segments[1]);
    if (!exchange.segment_is(2, "modules")) co_return hub_error(exchange, no_such_path(exchange));
    if (segments.size() == 3) co_return co_await list_modules(exchange, segments[1]);
    if (segments.size() == 4) co_return co_await module(exchange, segments[1], segments[3]);
    co_return hub_error(exchange, no_such_path(exchange));
}

Task<net::HttpResponse> twins(const Exchange& exchange) {
    const auto& segments = exchange.segments();
    const bool of_device = segments.size() == 2;
    const bool of_module = segments.size() == 4 && exchange.segment_is(2, "modules");
    if (!of_device && !of_module) co_return hub_error(exchange, no_such_path(exchange));
    if (!exchange.is("GET") && !exchange.is("PUT"))
        co_return hub_error(
            exchange, Error(Errc::unsupported,
                            "changing a part of a twin is not in this version of Muster; GET reads it, PUT replaces "
                            "tags and desired properties"));
    auto policy = exchange.authorize(Right::service_connect);
    if (!policy) co_return hub_error(exchange, policy.error());
    if (exchange.is("PUT")) {
        auto body = exchange.body();
        if (!body) co_return hub_error(exchange, body.error());
        const auto written = co_await exchange.services.registry.replace_twin(segments[1], of_module ? segments[3] : "",
                                                                              std::move(*body), exchange.if_match(),
                                                                              origin_of(exchange, **policy));
        log_change(exchange, **policy, "twin replaced", outcome_of(written));
        co_return object_answer(exchange, written);
    }
    co_return object_answer(exchange,
                            co_await exchange.services.registry.get_twin(segments[1], of_module ? segments[3] : ""));
}

Task<net::HttpResponse> statistics(const Exchange& exchange) {
    if (!exchange.is("GET")) co_return hub_error(exchange, method_not_allowed(exchange, "GET"));
    if (auto policy = exchange.authorize(Right::registry_read); !policy) co_return hub_error(exchange, policy.error());
    if (exchange.segments().size() == 2 && exchange.segment_is(1, "devices"))
        co_return object_answer(exchange, co_await exchange.services.registry.device_statistics());
    // No device protocol of the hub is served yet, so none is connected.
    if (exchange.segments().size() == 2 && exchange.segment_is(1, "service"))
        co_return json_answer(exchange, 200, json::object{{"connectedDeviceCount", 0}});
    co_return hub_error(exchange, no_such_path(exchange));
}

}  // namespace

bool is_hub_registry(const Exchange& exchange) {
    return exchange.segment_is(0, "devices") || exchange.segment_is(0, "twins") || exchange.segment_is(0, "statistics");
}

Task<net::HttpResponse> hub_registry(const Exchange& exchange) {
    if (exchange.api_version().empty()) co_return hub_error(exchange, missing_api_version());
    if (exchange.segment_is(0, "devices")) co_return co_await devices(exchange);
    if (exchange.segment_is(0, "twins")) co_return co_await twins(exchange);
    co_return co_await statistics(exchange);
}

}  // namespace muster::endpoints
