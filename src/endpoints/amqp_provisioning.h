// What a device may do in an AMQP session with the provisioning service: links and messages in, answers out. No I/O.
//
// A device attaches one link each way at the address of its registration. A request is a message with the application
// property iotdps-operation-type; it is accepted once its registration is durable, and the answer goes out in the same
// write. A refused one is rejected with a condition whose description is the JSON that HTTPS would have given.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "endpoints/device_registration.h"
#include "net/peer.h"
#include "wire/amqp/connection.h"

namespace muster::endpoints {

// "{idScope}/registrations/{registrationId}", perhaps behind "amqps://{host}/"; both percent-decoded. Also the user
// name of SASL PLAIN.
struct RegistrationAddress {
    std::string scope;
    std::string registration_id;
};
std::optional<RegistrationAddress> parse_registration_address(std::string_view address);

class AmqpProvisioning {
public:
    AmqpProvisioning(const Services& services, const net::Peer& peer, wire::amqp::Connection& connection)
        : services_(services), peer_(peer), connection_(connection) {}

    // The shared access signature that came in the SASL layer: it stands for all requests of the session.
    void use_token(Secret token) { token_ = std::move(token); }

    void attach(const wire::amqp::Attached& attached);
    void detach(wire::amqp::LinkId link);
    // Settles the message.
    Task<> answer(const wire::amqp::Received& received);

    std::size_t requests() const { return requests_; }

private:
    struct Line {
        wire::amqp::LinkId link;
        bool incoming;
        RegistrationAddress address;
        std::string version;  // api-version; of incoming links
    };

    Result<RegistrationAddress> judge(const wire::amqp::Attached& attached) const;
    Task<DeviceAnswer> serve(const wire::amqp::Message& message, const Line& line, std::string tracking_id);
    // The link that the answers of `line` go to; nothing when the device has not attached it, or does not read it.
    Result<wire::amqp::LinkId> way_back(const Line& line) const;

    const Services& services_;
    const net::Peer& peer_;
    wire::amqp::Connection& connection_;
    Secret token_;
    std::vector<Line> lines_;
    std::size_t requests_ = 0;
};

}  // namespace muster::endpoints
