// What an MQTT session answers, packet by packet.
#include "endpoints/mqtt_provisioning.h"

#include "endpoints_fixture.h"
#include "net/reactor.h"
#include "wire/mqtt/codec.h"

namespace muster::endpoints {
namespace {

namespace mqtt = wire::mqtt;

class MqttProvisioningTest : public EndpointsFixture {
protected:
    // A session that asks for responses, and for the state of an operation that never was.
    MqttAnswer ask_as(std::string client_version) {
        provisioning::Throttle idle({}, random_);
        const auto services = services_with(idle);
        const net::Peer peer{
            .address = "192.0.2.1:4711", .credentials = {}, .chain = {}, .server_name = {}, .tls = true};
        MqttProvisioning session(services, peer,
                                 {.scope = "0ne1",
                                  .registration_id = "dev-1",
                                  .api_version = "2019-03-31",
                                  .client_version = std::move(client_version)},
                                 Secret());
        const auto says = [&](mqtt::Packet packet) {
            auto answer = net::run_blocking(session.handle(std::move(packet)));
            EXPECT_TRUE(answer);
            return std::move(answer).value_or(MqttAnswer());
        };
        says(mqtt::Subscribe{1, {{std::string(provisioning_response_filter), 1}}});
        return says(mqtt::Publish{.topic = "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1",
                                  .payload = {},
                                  .qos = 1,
                                  .packet_id = 2});
    }
    static std::vector<mqtt::Packet> packets(std::string_view bytes) {
        mqtt::Decoder decoder(64 * 1024);
        std::vector<mqtt::Packet> all;
        while (!bytes.empty()) {
            auto packet = decoder.next(bytes);
            if (!packet || !*packet) break;
            all.push_back(std::move(**packet));
        }
        return all;
    }
};

TEST_F(MqttProvisioningTest, AcknowledgementAndResponseGoTogether) {
    for (const auto* version : {"", "azure-iot-provisioning-device%2F1.9.1", "1.15.0"}) {
        const auto answer = ask_as(version);
        const auto sent = packets(answer.bytes);
        ASSERT_EQ(sent.size(), 2U) << version;
        EXPECT_TRUE(std::holds_alternative<mqtt::Puback>(sent[0]));
        EXPECT_TRUE(std::get<mqtt::Publish>(sent[1]).topic.starts_with("$dps/registrations/res/4"));
        EXPECT_EQ(answer.later, "");
    }
}

TEST_F(MqttProvisioningTest, TheJavaSdkHasTheResponseLater) {
    const auto answer = ask_as("2019-03-31");
    const auto sent = packets(answer.bytes);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(std::get<mqtt::Puback>(sent[0]).packet_id, 2);
    const auto later = packets(answer.later);
    ASSERT_EQ(later.size(), 1U);
    EXPECT_TRUE(std::get<mqtt::Publish>(later[0]).topic.starts_with("$dps/registrations/res/4"));
}

}  // namespace
}  // namespace muster::endpoints
