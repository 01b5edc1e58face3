// MQTT 3.1.1 control packets (OASIS mqtt-v3.1.1-os) as data; no I/O.
//
// Not here: will, retained messages and QoS 2 are parsed as far as the grammar goes and left to the session to refuse
// or to lower.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"

namespace muster::wire::mqtt {

struct Will {
    std::string topic;
    std::string payload;
    std::uint8_t qos = 0;
    bool retain = false;
};

struct Connect {
    std::uint8_t level = 4;  // 4 is MQTT 3.1.1; for any other one the rest of the packet is not read
    std::string client_id;
    bool clean_session = true;
    std::uint16_t keep_alive = 0;  // seconds; 0: no bound of the client's
    std::optional<Will> will;
    std::optional<std::string> user_name;
    std::optional<Secret> password;
};

enum class ConnectCode : std::uint8_t {
    accepted = 0,
    unacceptable_level = 1,
    identifier_rejected = 2,
    server_unavailable = 3,
    bad_user_name_or_password = 4,
    not_authorized = 5,
};

struct Connack {
    bool session_present = false;
    ConnectCode code = ConnectCode::accepted;
};

struct Publish {
    std::string topic;
    std::string payload;
    std::uint8_t qos = 0;
    std::uint16_t packet_id = 0;  // with QoS 1 and 2 only
    bool retain = false;
    bool duplicate = false;
};

struct Puback {
    std::uint16_t packet_id = 0;
};
// The QoS 2 handshake: for a session that lets it in.
struct Pubrec {
    std::uint16_t packet_id = 0;
};
struct Pubrel {
    std::uint16_t packet_id = 0;
};
struct Pubcomp {
    std::uint16_t packet_id = 0;
};

struct Subscribe {
    struct Filter {
        std::string filter;
        std::uint8_t qos = 0;
    };
    std::uint16_t packet_id = 0;
    std::vector<Filter> filters;
};

inline constexpr std::uint8_t subscription_refused = 0x80;
struct Suback {
    std::uint16_t packet_id = 0;
    std::vector<std::uint8_t> codes;  // granted QoS, or subscription_refused
};

struct Unsubscribe {
    std::uint16_t packet_id = 0;
    std::vector<std::string> filters;
};
struct Unsuback {
    std::uint16_t packet_id = 0;
};

struct Pingreq {};
struct Pingresp {};
struct Disconnect {};

using Packet = std::variant<Connect, Connack, Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe, Suback, Unsubscribe,
                            Unsuback, Pingreq, Pingresp, Disconnect>;

}  // namespace muster::wire::mqtt
