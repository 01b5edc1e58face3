// As the SDKs do it (facts/dps.md 1.4): CONNECT, SUBSCRIBE, then a publication for each request and one for its answer.
#include "base/bytes.h"
#include "base/json.h"
#include "base/text.h"
#include "muster/simulate/dialogue.h"
#include "wire/mqtt/codec.h"

namespace muster::cli::simulate {
namespace {

namespace mqtt = wire::mqtt;

constexpr std::size_t largest_packet = 1024 * 1024;
constexpr std::string_view response_topic = "$dps/registrations/res/";
constexpr std::string_view retry_after = "retry-after=";

// "$dps/registrations/res/202/?$rid=1&retry-after=3"
Reply parse_response(mqtt::Publish publish) {
    std::string_view rest = publish.topic;
    rest.remove_prefix(response_topic.size());
    Reply reply{parse_integer<int>(rest.substr(0, rest.find('/'))).value_or(0), std::move(publish.payload), {}};
    if (const auto at = rest.find(retry_after); at != std::string_view::npos)
        if (const auto seconds = parse_integer<unsigned>(rest.substr(at + retry_after.size())))
            reply.retry_after = std::chrono::seconds(*seconds);
    return reply;
}

class MqttDialogue final : public Dialogue {
public:
    MqttDialogue(Pipe& pipe, const std::string& scope, const std::string& registration_id)
        : pipe_(pipe),
          registration_id_(registration_id),
          user_(fmt::format("{}/registrations/{}/api-version={}&ClientVersion=muster", scope, registration_id,
                            api_version)) {}

    Task<Result<>> begin() override {
        MUSTER_CO_CHECK(
            co_await send(mqtt::Connect{.client_id = registration_id_, .keep_alive = 60, .user_name = user_}));
        MUSTER_CO_TRY(const auto connack, co_await next());
        const auto* accepted = std::get_if<mqtt::Connack>(&connack);
        if (accepted == nullptr) co_return fail(Errc::invalid_argument, "CONNECT: no CONNACK came");
        if (accepted->code != mqtt::ConnectCode::accepted)
            co_return fail(Errc::unauthorized, "CONNECT: refused with {}", static_cast<int>(accepted->code));
        MUSTER_CO_CHECK(co_await send(mqtt::Subscribe{1, {{"$dps/registrations/res/#", 1}}}));
        MUSTER_CO_TRY(const auto suback, co_await next());
        if (!std::holds_alternative<mqtt::Suback>(suback))
            co_return fail(Errc::invalid_argument, "SUBSCRIBE: no SUBACK came");
        co_return Result<>();
    }

    Task<Result<Reply>> register_device() override {
        co_return co_await ask("$dps/registrations/PUT/iotdps-register/?$rid=1",
                               json::serialize(json::object{{"registrationId", registration_id_}}));
    }

    Task<Result<Reply>> operation_status(const std::string& operation_id) override {
        co_return co_await ask(
            fmt::format("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId={}", operation_id), " ");
    }

    Task<> end() override { (void)co_await send(mqtt::Disconnect{}); }

private:
    Task<Result<Reply>> ask(std::string topic, std::string payload) {
        MUSTER_CO_CHECK(co_await send(mqtt::Publish{
            .topic = std::move(topic), .payload = std::move(payload), .qos = 1, .packet_id = ++packet_id_}));
        for (;;) {
            MUSTER_CO_TRY(auto packet, co_await next());
            auto* publish = std::get_if<mqtt::Publish>(&packet);
            if (publish == nullptr || !publish->topic.starts_with(response_topic)) continue;
            if (publish->qos == 1) MUSTER_CO_CHECK(co_await send(mqtt::Puback{publish->packet_id}));
            co_return parse_response(std::move(*publish));
        }
    }

    Task<Result<>> send(mqtt::Packet packet) {
        MUSTER_CO_TRY(const auto bytes, mqtt::serialize(packet));
        co_return co_await pipe_.write(bytes);
    }

    Task<Result<mqtt::Packet>> next() {
        for (;;) {
            std::string_view rest = received_;
            MUSTER_CO_TRY(auto packet, decoder_.next(rest));
            received_.erase(0, received_.size() - rest.size());
            if (packet) co_return std::move(*packet);
            MUSTER_CO_TRY(received_, co_await pipe_.read());
        }
    }

    Pipe& pipe_;
    std::string registration_id_;
    std::string user_;
    mqtt::Decoder decoder_{largest_packet};
    std::string received_;
    std::uint16_t packet_id_ = 1;
};

}  // namespace

std::unique_ptr<Dialogue> make_mqtt_dialogue(Pipe& pipe, const std::string& scope, const std::string& registration_id) {
    return std::make_unique<MqttDialogue>(pipe, scope, registration_id);
}

}  // namespace muster::cli::simulate
