#include "endpoints/amqp_provisioning.h"

#include <algorithm>
#include <ranges>

#include "base/bytes.h"
#include "base/log.h"
#include "base/text.h"
#include "provisioning/errors.h"

namespace muster::endpoints {
namespace {

namespace amqp = wire::amqp;
namespace condition = wire::amqp::condition;

constexpr std::string_view operation_type = "iotdps-operation-type";
constexpr std::string_view operation_id = "iotdps-operation-id";
constexpr std::string_view retry_after_name = "retry-after";
constexpr std::string_view api_version = "com.microsoft:api-version";

// What the clients tell apart (facts/dps.md 1.5). A fault of ours is never one of theirs.
const char* condition_name(int status) {
    switch (status) {
        case 401: return condition::unauthorized;
        case 403: return condition::not_allowed;
        case 404: return condition::not_found;
        case 409:
        case 412: return condition::precondition_failed;
        case 413: return condition::message_too_large;
        case 429: return condition::throttled;
        default: return status >= 500 ? condition::internal_error : condition::argument_error;
    }
}

amqp::Map retry_information(const DeviceAnswer& answer) {
    amqp::Map map;
    if (answer.retry_after)
        map.set(std::string(retry_after_name), static_cast<std::int32_t>(answer.retry_after->count()));
    return map;
}

amqp::Condition condition_of(const DeviceAnswer& answer) {
    return {condition_name(answer.status), json::serialize(answer.body), retry_information(answer)};
}

std::optional<std::string> decoded(std::string_view text) {
    auto value = percent_decode(text);
    if (value && (value->empty() || value->find('\0') != std::string::npos)) return std::nullopt;
    return value;
}

}  // namespace

std::optional<RegistrationAddress> parse_registration_address(std::string_view address) {
    if (const auto scheme = address.find("://"); scheme != std::string_view::npos) {
        const auto path = address.find('/', scheme + 3);
        if (path == std::string_view::npos) return std::nullopt;
        address.remove_prefix(path);
    }
    if (address.starts_with('/')) address.remove_prefix(1);
    const auto parts = split(address, '/');
    if (parts.size() != 3 || !equals_ignore_case(parts[1], "registrations")) return std::nullopt;
    auto scope = decoded(parts[0]);
    auto registration_id = decoded(parts[2]);
    if (!scope || !registration_id) return std::nullopt;
    return RegistrationAddress{std::move(*scope), std::move(*registration_id)};
}

// The id scope is judged with each request: of a refused link the Node SDK says nothing for 45 s, of a rejected message
// at once.
Result<RegistrationAddress> AmqpProvisioning::judge(const amqp::Attached& attached) const {
    auto address = parse_registration_address(attached.address);
    if (!address)
        return fail(Error(Errc::invalid_argument,
                          fmt::format("there is nothing at the link address '{}'", printable(attached.address)))
                        .with_hint("attach to {idScope}/registrations/{registrationId}"));
    if (attached.incoming && !is_api_version(attached.properties.text(api_version)))
        return fail(
            Error(Errc::invalid_argument, fmt::format("the link property {} is missing or no date", api_version))
                .with_hint("set it to a version like 2019-03-31")
                .with_number(provisioning::code::missing_api_version));
    return std::move(*address);
}

void AmqpProvisioning::attach(const amqp::Attached& attached) {
    auto address = judge(attached);
    if (address) {
        connection_.accept(attached.link);
        lines_.push_back({attached.link, attached.incoming, std::move(*address),
                          std::string(attached.properties.text(api_version))});
        return;
    }
    const auto tracking_id = services_.random.guid();
    log::info("AMQP link refused",
              {{"peer", peer_.address}, {"reason", address.error().chain()}, {"trackingId", tracking_id}});
    connection_.refuse(attached.link, condition_of(failed_device_answer(services_, address.error(), tracking_id)));
}

void AmqpProvisioning::detach(amqp::LinkId link) {
    std::erase_if(lines_, [&](const Line& line) { return line.link == link; });
}

Result<amqp::LinkId> AmqpProvisioning::way_back(const Line& line) const {
    const auto newest_first = lines_ | std::views::reverse;
    const auto to_device = std::ranges::find_if(newest_first, [&](const Line& other) {
        return !other.incoming && equals_ignore_case(other.address.registration_id, line.address.registration_id);
    });
    if (to_device == newest_first.end())
        return fail(Error(Errc::invalid_argument, "there is no link for the answer")
                        .with_hint("attach a receiver with the same address as its source first"));
    if (!connection_.has_room(to_device->link))
        return fail(Error(Errc::invalid_argument, "the answers to earlier requests have not been taken")
                        .with_hint("give credit to the link that they come on"));
    return to_device->link;
}

Task<DeviceAnswer> AmqpProvisioning::serve(const amqp::Message& message, const Line& line, std::string tracking_id) {
    const auto type = message.properties.text(operation_type);
    provisioning::DeviceRequest request{.scope = line.address.scope,
                                        .registration_id = line.address.registration_id,
                                        .chain = peer_.chain,
                                        .authorization = std::string(token_.text()),
                                        .tracking_id = tracking_id,
                                        .peer = peer_.address,
                                        .api_version = line.version,
                                        .in_session = true};
    if (equals_ignore_case(type, "iotdps-register"))
        co_return co_await register_device(services_, std::move(request), message.body);
    if (equals_ignore_case(type, "iotdps-get-operationstatus")) {
        std::string id(message.properties.text(operation_id));
        co_return co_await operation_status(services_, std::move(request), std::move(id));
    }
    const Error unknown(Errc::invalid_argument, fmt::format("the application property {} is '{}'; possible: "
                                                            "iotdps-register, iotdps-get-operationstatus",
                                                            operation_type, printable(type)));
    co_return failed_device_answer(services_, unknown, tracking_id);
}

Task<> AmqpProvisioning::answer(const amqp::Received& received) {
    ++requests_;
    const auto tracking_id = services_.random.guid();
    const auto line = std::ranges::find(lines_, received.link, &Line::link);
    const auto refuse = [&](const Error& error) {
        connection_.reject(received, condition_of(failed_device_answer(services_, error, tracking_id)));
    };
    if (!received.message) co_return refuse(received.message.error());
    if (line == lines_.end()) co_return refuse(Error(Errc::internal, "a message on a link that is not known"));
    const auto back = way_back(*line);
    if (!back) co_return refuse(back.error());
    const auto answer = co_await serve(*received.message, *line, tracking_id);
    if (answer.status >= 300) co_return connection_.reject(received, condition_of(answer));
    const auto& request = *received.message;
    amqp::Message message{.correlation_id = request.correlation_id, .properties = retry_information(answer)};
    // Without one, the id of the request is what AMQP's clients look for.
    if (std::holds_alternative<std::monostate>(message.correlation_id)) message.correlation_id = request.id;
    message.body = json::serialize(answer.body);
    // Unsettled: there are clients that insist on accepting what they got.
    if (const auto sent = connection_.send(*back, message, false); !sent) co_return refuse(sent.error());
    connection_.accept(received);
}

}  // namespace muster::endpoints
