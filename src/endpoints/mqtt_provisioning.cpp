#include "endpoints/mqtt_provisioning.h"

#include "base/text.h"
#include "endpoints/device_registration.h"
#include "wire/mqtt/codec.h"

namespace muster::endpoints {
namespace {

namespace mqtt = wire::mqtt;

std::unexpected<Error> not_here(std::string_view what) {
    return fail(Errc::unsupported, "{} is not possible in a session with the provisioning service", what);
}

Result<MqttAnswer> at_once(Result<std::string> bytes) {
    MUSTER_TRY(auto whole, std::move(bytes));
    return MqttAnswer{std::move(whole), {}};
}

// It gives the version of the API for its own; no other SDK does.
bool is_java_sdk(const ProvisioningUserName& user) {
    return user.client_version == user.api_version;
}

}  // namespace

Task<Result<MqttAnswer>> MqttProvisioning::handle(mqtt::Packet packet) {
    if (auto* publish = std::get_if<mqtt::Publish>(&packet)) co_return co_await handle_publish(std::move(*publish));
    if (const auto* subscribe = std::get_if<mqtt::Subscribe>(&packet)) co_return at_once(handle_subscribe(*subscribe));
    if (const auto* unsubscribe = std::get_if<mqtt::Unsubscribe>(&packet))
        co_return at_once(handle_unsubscribe(*unsubscribe));
    if (std::holds_alternative<mqtt::Pingreq>(packet)) co_return at_once(mqtt::serialize(mqtt::Pingresp{}));
    // Responses are not sent again within a connection: there is nothing to note.
    if (std::holds_alternative<mqtt::Puback>(packet)) co_return MqttAnswer();
    if (std::holds_alternative<mqtt::Connect>(packet)) co_return not_here("a second CONNECT");
    co_return not_here("a packet of this type");
}

Result<std::string> MqttProvisioning::handle_subscribe(const mqtt::Subscribe& subscribe) {
    mqtt::Suback suback{subscribe.packet_id, {}};
    for (const auto& [filter, qos] : subscribe.filters) {
        if (filter != provisioning_response_filter)
            return not_here(fmt::format("subscribing to '{}'", printable(filter)));
        granted_ = std::min<std::uint8_t>(qos, 1);
        suback.codes.push_back(*granted_);
    }
    return mqtt::serialize(suback);
}

Result<std::string> MqttProvisioning::handle_unsubscribe(const mqtt::Unsubscribe& unsubscribe) {
    for (const auto& filter : unsubscribe.filters)
        if (filter == provisioning_response_filter) granted_.reset();
    return mqtt::serialize(mqtt::Unsuback{unsubscribe.packet_id});
}

Task<Result<MqttAnswer>> MqttProvisioning::handle_publish(mqtt::Publish publish) {
    if (publish.qos > 1) co_return not_here("publishing with QoS 2");
    const auto topic = parse_provisioning_topic(publish.topic);
    if (!topic) co_return not_here(fmt::format("publishing to '{}'", printable(publish.topic)));
    ++requests_;
    const auto tracking_id = services_.random.guid();
    provisioning::DeviceRequest request{.scope = user_.scope,
                                        .registration_id = user_.registration_id,
                                        .chain = peer_.chain,
                                        .authorization = std::string(password_.text()),
                                        .tracking_id = tracking_id,
                                        .peer = peer_.address,
                                        .api_version = user_.api_version,
                                        .in_session = true};
    const bool registers = topic->kind == ProvisioningTopic::Kind::register_device;
    const auto answer = registers ? co_await register_device(services_, std::move(request), std::move(publish.payload))
                                  : co_await operation_status(services_, std::move(request), topic->operation_id);

    // Acknowledged only now, together with the response: what was acknowledged is durable.
    MqttAnswer out;
    if (publish.qos == 1) {
        MUSTER_CO_TRY(out.bytes, mqtt::serialize(mqtt::Puback{publish.packet_id}));
    }
    if (!granted_) co_return out;
    MUSTER_CO_TRY(const auto response,
                  mqtt::serialize(mqtt::Publish{
                      .topic = provisioning_response_topic(answer.status, topic->request_id, answer.retry_after),
                      .payload = json::serialize(answer.body),
                      .qos = *granted_,
                      .packet_id = *granted_ == 0 ? std::uint16_t{0} : next_packet_id()}));
    (is_java_sdk(user_) ? out.later : out.bytes) += response;
    co_return out;
}

std::uint16_t MqttProvisioning::next_packet_id() {
    if (++packet_id_ == 0) packet_id_ = 1;
    return packet_id_;
}

}  // namespace muster::endpoints
