#include "base/version.h"
#include "endpoints/fronts.h"

namespace muster::endpoints {
namespace {

constexpr std::size_t latest_shown = 10;

// The addresses of those that are on.
json::object listeners(const Services& services) {
    json::object all;
    for (const auto& [name, address] : {std::pair("https", &services.https), std::pair("mqtts", &services.mqtts),
                                        std::pair("amqps", &services.amqps)})
        if (!address->empty()) all[name] = *address;
    return all;
}

// How those are that are not our own, for policies that may read which hubs an enrollment names.
Task<Result<json::array>> linked_hubs(const Services& services, const access::Policy& policy) {
    json::array all;
    if (services.linked_hubs == nullptr || !policy.may(access::Right::enrollment_read)) co_return all;
    MUSTER_CO_TRY(const auto hubs, co_await services.linked_hubs->list());
    for (const auto& hub : hubs) {
        const auto* state = hub.as_object().if_contains("state");
        if (state != nullptr) all.push_back(json::object{{"name", hub.as_object().at("name")}, {"state", *state}});
    }
    co_return all;
}

// Counts for every policy; who registered last for those that may read registrations.
Task<Result<json::object>> status(const Services& services, const access::Policy& policy) {
    MUSTER_CO_TRY(auto counts, co_await services.enrollments.counts());
    const auto shown = policy.may(access::Right::registration_status_read) ? latest_shown : 0;
    MUSTER_CO_TRY(auto latest, co_await services.enrollments.latest_registrations(shown));
    MUSTER_CO_TRY(auto devices, co_await services.registry.device_statistics());
    MUSTER_CO_TRY(const auto modules, co_await services.registry.count_modules());
    MUSTER_CO_TRY(auto hubs, co_await linked_hubs(services, policy));
    counts["devices"] = devices["totalDeviceCount"];
    counts["modules"] = modules;
    co_return json::object{{"hostName", services.host_name},
                           {"idScope", services.scope},
                           {"version", version()},
                           {"startedUtc", format_utc(services.started)},
                           {"listeners", listeners(services)},
                           {"store", {{"kind", services.store_kind}, {"description", services.store_description}}},
                           {"counts", std::move(counts)},
                           {"linkedHubs", std::move(hubs)},
                           {"lastRegistrations", std::move(latest)}};
}

// What a client must trust, for whoever asks: it is public, and useless without checking it by another way.
net::HttpResponse trust(const Exchange& exchange) {
    if (exchange.services.ca_pem.empty())
        return provisioning_error(exchange, Error(Errc::not_found,
                                                  "the service's certificate is its operator's own: ask "
                                                  "the operator what to trust"));
    auto response = empty_answer(exchange, 200);
    response.headers.add("Content-Type", "application/x-pem-file");
    response.body = exchange.services.ca_pem;
    return response;
}

Task<net::HttpResponse> status_answer(const Exchange& exchange) {
    if (!exchange.is("GET")) co_return provisioning_error(exchange, method_not_allowed(exchange, "GET"));
    auto policy = exchange.authenticate();
    if (!policy) co_return provisioning_error(exchange, policy.error());
    auto result = co_await status(exchange.services, **policy);
    co_return result ? json_answer(exchange, 200, *result) : provisioning_error(exchange, result.error());
}

}  // namespace

Task<net::HttpResponse> operator_front(const Exchange& exchange) {
    using provisioning::EnrollmentKind;
    const bool alone = exchange.segments().size() == 2;
    if (alone && exchange.segment_is(1, "trust")) {
        if (!exchange.is("GET")) co_return provisioning_error(exchange, method_not_allowed(exchange, "GET"));
        co_return trust(exchange);
    }
    if (exchange.api_version().empty()) co_return provisioning_error(exchange, missing_api_version());
    if (alone && exchange.segment_is(1, "status")) co_return co_await status_answer(exchange);
    if (alone && exchange.segment_is(1, "events")) co_return co_await operator_events(exchange);
    if (alone && exchange.segment_is(1, "audit")) co_return co_await operator_audit(exchange);
    if (exchange.segment_is(1, "policies")) co_return co_await operator_policies(exchange);
    if (exchange.segment_is(1, "registrations")) co_return co_await operator_registrations(exchange);
    if (exchange.segment_is(1, "enrollments"))
        co_return co_await operator_enrollments(exchange, EnrollmentKind::individual);
    if (exchange.segment_is(1, "enrollmentGroups"))
        co_return co_await operator_enrollments(exchange, EnrollmentKind::group);
    co_return provisioning_error(exchange, no_such_path(exchange));
}

}  // namespace muster::endpoints
