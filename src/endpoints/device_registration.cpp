#include "endpoints/device_registration.h"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/log.h"
#include "base/text.h"
#include "endpoints/tpm_challenge.h"
#include "provisioning/errors.h"

namespace muster::endpoints {
namespace {

constexpr int first_server_error = 500;
// By the time the first answer leaves, the registration is durable: the device need only come back.
constexpr std::chrono::seconds next_poll{1};
constexpr std::chrono::seconds after_trouble{5};

Result<json::object> parse_body(std::string_view body) {
    if (body.size() > max_device_request)
        return fail(Errc::too_large, "the request has more than {} bytes", max_device_request);
    if (trim(body).empty()) return json::object();
    auto parsed = parse_json_object(body);
    if (!parsed) return fail(parsed.error().wrap("the request body"));
    return parsed;
}

// How long the reactor takes to come round to what waits: one caller at a time finds out, for all.
Task<> measure_lag(provisioning::Throttle& throttle) {
    if (!throttle.wants_lag()) co_return;
    const auto executor = co_await boost::asio::this_coro::executor;
    boost::asio::post(executor, [&throttle, began = provisioning::Monotonic::now()] {
        throttle.note_lag(provisioning::Monotonic::now() - began);
    });
}

// Whoever waits for a hub that is not ours asks the less often the longer it has waited: after a quarter of that time,
// half a minute at most, and up to a quarter more so that a fleet does not come back in one beat.
std::chrono::seconds wait_for_hub(const Services& services, const json::object& operation) {
    constexpr std::chrono::seconds longest{30};
    const auto* state = find_member(operation, "registrationState");
    const auto since = state == nullptr || !state->is_object()
                           ? std::nullopt
                           : parse_utc(string_or(state->as_object(), "lastUpdatedDateTimeUtc"));
    if (!since) return next_poll;
    const auto waited = std::chrono::duration_cast<std::chrono::seconds>(services.clock.now() - *since);
    const auto wait = std::clamp(waited / 4, next_poll, longest);
    return wait + std::chrono::seconds(services.random.below(static_cast<std::uint64_t>(wait.count() / 4 + 1)));
}

DeviceAnswer throttled_answer(const Services& services, const provisioning::Refusal& refusal,
                              std::string_view tracking_id) {
    services.metrics.throttled(to_string(refusal.limit));
    auto answer = failed_device_answer(services, throttled(refusal), tracking_id);
    answer.retry_after = refusal.retry_after;
    return answer;
}

provisioning::Refusals::Refused refused_of(const provisioning::DeviceRequest& request) {
    return {.registration_id = request.registration_id,
            .peer = request.peer,
            .tracking_id = request.tracking_id,
            .error_code = 0,
            .reason = {}};
}

}  // namespace

Task<DeviceAnswer> register_device(const Services& services, provisioning::DeviceRequest request, std::string body) {
    // Before anything is parsed or verified: what is too much must cost little.
    co_await measure_lag(services.throttle);
    if (const auto refusal =
            services.throttle.admit_registration(request.peer, provisioning::Monotonic::now(), request.in_session))
        co_return throttled_answer(services, *refusal, request.tracking_id);
    const provisioning::Throttle::Flight flight(services.throttle);
    const auto tracking_id = request.tracking_id;
    auto parsed = parse_body(body);
    if (!parsed) co_return failed_device_answer(services, parsed.error(), tracking_id);
    if (shows_tpm(request, *parsed)) co_return co_await challenge_tpm(services, std::move(request), std::move(*parsed));

    std::optional<provisioning::Refusal> by_group;
    request.admit_group = [&](const std::string& group_id) -> Result<> {
        by_group = services.throttle.admit_group(group_id);
        return by_group ? Result<>(fail(throttled(*by_group))) : Result<>();
    };
    auto refused = refused_of(request);
    auto result = co_await services.registrations.register_device(std::move(request), std::move(*parsed));
    if (by_group) co_return throttled_answer(services, *by_group, tracking_id);
    if (result) co_return DeviceAnswer{202, std::move(*result), services.throttle.next_poll(next_poll)};
    auto answer = failed_device_answer(services, result.error(), tracking_id);
    if (result.error().code() == Errc::unauthorized) {
        refused.error_code = provisioning::error_number(result.error());
        refused.reason = result.error().chain();
        co_await services.refusals.note(std::move(refused));
    }
    co_return answer;
}

Task<DeviceAnswer> operation_status(const Services& services, provisioning::DeviceRequest request,
                                    std::string operation_id) {
    const auto tracking_id = request.tracking_id;
    auto result = co_await services.registrations.operation_status(std::move(request), std::move(operation_id));
    if (!result) co_return failed_device_answer(services, result.error(), tracking_id);
    if (result->at("status") == "assigning")
        co_return DeviceAnswer{202, std::move(*result), services.throttle.next_poll(wait_for_hub(services, *result))};
    co_return DeviceAnswer{200, std::move(*result), std::nullopt};
}

Task<DeviceAnswer> look_up_registration(const Services& services, provisioning::DeviceRequest request) {
    if (const auto refusal = services.throttle.admit_registration(request.peer))
        co_return throttled_answer(services, *refusal, request.tracking_id);
    const auto tracking_id = request.tracking_id;
    auto result = co_await services.registrations.lookup(std::move(request));
    if (!result) co_return failed_device_answer(services, result.error(), tracking_id);
    co_return DeviceAnswer{200, std::move(*result), std::nullopt};
}

DeviceAnswer failed_device_answer(const Services& services, const Error& error, std::string_view tracking_id) {
    return {provisioning::error_number(error) / 1000,
            provisioning_error_body(services, error, tracking_id, "device registration"), retry_after(error)};
}

json::object provisioning_error_body(const Services& services, const Error& error, std::string_view tracking_id,
                                     std::string_view about) {
    const int number = provisioning::error_number(error);
    return {{"errorCode", number},
            {"trackingId", tracking_id},
            {"message", wire_message(error, number / 1000, tracking_id, about)},
            {"timestampUtc", format_utc(services.clock.now())}};
}

std::optional<std::chrono::seconds> retry_after(const Error& error) {
    const auto number = provisioning::error_number(error);
    if (number == provisioning::code::unavailable || number == provisioning::code::throttled) return after_trouble;
    return std::nullopt;
}

Error throttled(const provisioning::Refusal& refusal) {
    return Error(Errc::throttled, refusal.limit == provisioning::Limit::overload
                                      ? std::string("the service has more to do than it can")
                                      : fmt::format("the limit of the {} is reached", to_string(refusal.limit)))
        .with_hint(fmt::format("try again in {} s", refusal.retry_after.count()));
}

std::string wire_message(const Error& error, int status, std::string_view tracking_id, std::string_view about) {
    if (status >= first_server_error) {
        log::error("request failed", {{"path", about}, {"error", error.chain()}, {"trackingId", tracking_id}});
        if (error.code() == Errc::unavailable || error.code() == Errc::timeout)
            return "the service cannot do this at the moment; try again";
        return fmt::format("internal error; the service's log says more under tracking id {}", tracking_id);
    }
    // It may tell of a name in a path, which is any bytes; JSON and AMQP have text alone.
    return as_utf8(error.hint().empty() ? error.chain() : fmt::format("{} ({})", error.chain(), error.hint()));
}

bool is_api_version(std::string_view text) {
    constexpr std::string_view form = "dddd-dd-dd";
    if (text.size() < form.size() || text.size() > 40) return false;
    for (std::size_t i = 0; i < form.size(); ++i) {
        const bool digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] == 'd' ? !digit : text[i] != form[i]) return false;
    }
    return text.size() == form.size() || text[form.size()] == '-';
}

Error missing_api_version() {
    return Error(Errc::invalid_argument, "the query parameter api-version is missing or no date like 2021-10-01")
        .with_hint("add ?api-version=2021-10-01")
        .with_number(provisioning::code::missing_api_version);
}

}  // namespace muster::endpoints
