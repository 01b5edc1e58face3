// What a peer did on an AMQP connection, as a service is told of it.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "base/bytes.h"
#include "base/error.h"
#include "wire/amqp/condition.h"
#include "wire/amqp/message.h"

namespace muster::wire::amqp {

using LinkId = std::uint32_t;

// The codes of section 5.3.3.6 that are used here. `trouble`: not the fault of the credential; trying again may help.
enum class SaslOutcome : std::uint8_t { ok = 0, refused = 1, trouble = 4 };

// The first word of the client in the SASL layer; answer with sasl_challenge() or sasl_outcome().
struct SaslInit {
    std::string mechanism;
    Secret response;
};
// What it says to a challenge; likewise.
struct SaslResponse {
    Secret response;
};
struct Opened {
    std::string container;
    std::string host;
};
// The peer attached a link, or answered our attach(). At a server: answer with accept() or refuse().
struct Attached {
    LinkId link;
    bool incoming;        // the peer sends on it
    std::string address;  // of the target of an incoming link, of the source of another
    Map properties;
};
// A whole message; settle it with accept() or reject(). Good until the next call of next_event().
struct Received {
    LinkId link;
    Result<Message> message;
    void* delivery;
};
// The peer's judgement of a message that was sent unsettled.
struct Outcome {
    LinkId link;
    bool accepted;
    Condition condition;
};
// A link is gone, by the peer's will or because a rule was broken on it.
struct Detached {
    LinkId link;
    Condition condition;
};
// The connection is over: send what is left of the output, then end it.
struct Closed {
    Condition condition;
};
using Event = std::variant<SaslInit, SaslResponse, Opened, Attached, Received, Outcome, Detached, Closed>;

}  // namespace muster::wire::amqp
