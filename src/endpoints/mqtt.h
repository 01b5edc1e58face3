// MQTT 3.1.1 in front of the provisioning service (facts/dps.md 1.4): on a TLS listener of its own, and in WebSockets.
//
// Credentials are judged at each registration, not at CONNECT: a device with bad ones hears what is wrong with them in
// a response, as JSON. CONNACK refuses only what cannot be a session of this service.
#pragma once

#include <chrono>

#include "endpoints/services.h"
#include "net/byte_budget.h"
#include "net/byte_stream.h"

namespace muster::endpoints {

struct MqttLimits {
    std::size_t connect_bytes = 16 * 1024;      // of the CONNECT packet
    std::size_t packet_bytes = 128 * 1024;      // of any later one
    std::chrono::milliseconds connect{10'000};  // from the first moment to the whole CONNECT
    std::chrono::milliseconds packet{30'000};   // from a packet's first byte to its last
    std::chrono::milliseconds idle{600'000};    // between packets, when the client's keep-alive allows more
    std::chrono::milliseconds session{3'600'000};
    std::size_t requests = 1'000;  // published by one session
};

// `services` must outlive the handler. `budget`: what all sessions together may hold of large packets; null for no
// such bound.
net::StreamHandler mqtt_handler(const Services& services, std::shared_ptr<net::ByteBudget> budget = nullptr,
                                MqttLimits limits = {});

}  // namespace muster::endpoints
