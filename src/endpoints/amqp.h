// AMQP 1.0 in front of the provisioning service (facts/dps.md 1.5): on a TLS listener of its own, and in WebSockets.
//
// Both openings are taken on one port: the header of AMQP straight after TLS, as X.509 devices do, or the SASL layer
// with PLAIN, EXTERNAL or ANONYMOUS. Credentials are judged at each registration, as over MQTT: the outcome of SASL
// refuses only what cannot be a session of this service.
#pragma once

#include <chrono>

#include "endpoints/services.h"
#include "net/byte_budget.h"
#include "net/byte_stream.h"
#include "wire/amqp/connection.h"

namespace muster::endpoints {

struct AmqpLimits {
    wire::amqp::Settings connection;            // sizes and numbers, and the idle-time-out that the client is told
    std::chrono::milliseconds opening{10'000};  // from the first moment to OPEN
    std::chrono::milliseconds frame{30'000};    // from a frame's first byte to its last
    std::chrono::milliseconds idle{480'000};    // between frames, empty ones included
    std::chrono::milliseconds session{3'600'000};
    std::size_t requests = 1'000;  // sent in one session
};

// `services` must outlive the handler. `budget`: what all sessions together may hold of large messages; null for no
// such bound.
net::StreamHandler amqp_handler(const Services& services, std::shared_ptr<net::ByteBudget> budget = nullptr,
                                const AmqpLimits& limits = {});

}  // namespace muster::endpoints
