// What a device may do in an MQTT session with the provisioning service: packets in, packets out. No I/O.
#pragma once

#include <chrono>
#include <string>

#include "endpoints/provisioning_topics.h"
#include "endpoints/services.h"
#include "net/peer.h"
#include "wire/mqtt/packet.h"

namespace muster::endpoints {

// What is sent for a packet; both parts may be empty.
struct MqttAnswer {
    std::string bytes;
    std::string later;  // answer_pause after `bytes`
};

// The Java SDK waits until its request is acknowledged, and only then begins to wait for the response, without a look
// at whether it is there already: of responses that came in one write with the acknowledgement it missed one in five,
// and gave up ten seconds later. Missed since it has them so much later: none (150 registrations on a machine with
// twice as much to do as it can).
inline constexpr std::chrono::milliseconds answer_pause{100};

class MqttProvisioning {
public:
    MqttProvisioning(const Services& services, const net::Peer& peer, ProvisioningUserName user, Secret password)
        : services_(services), peer_(peer), user_(std::move(user)), password_(std::move(password)) {}

    // An error ends the session, without a word to the client: MQTT 3.1.1 has none for it.
    Task<Result<MqttAnswer>> handle(wire::mqtt::Packet packet);

    std::size_t requests() const { return requests_; }

private:
    Task<Result<MqttAnswer>> handle_publish(wire::mqtt::Publish publish);
    Result<std::string> handle_subscribe(const wire::mqtt::Subscribe& subscribe);
    Result<std::string> handle_unsubscribe(const wire::mqtt::Unsubscribe& unsubscribe);
    std::uint16_t next_packet_id();

    const Services& services_;
    const net::Peer& peer_;
    ProvisioningUserName user_;
    Secret password_;
    std::optional<std::uint8_t> granted_;  // QoS of the subscription for responses
    std::uint16_t packet_id_ = 0;
    std::size_t requests_ = 0;
};

}  // namespace muster::endpoints
