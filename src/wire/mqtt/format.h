// What reading and writing of MQTT packets share.
#pragma once

#include <cstdint>

namespace muster::wire::mqtt {

enum class Type : std::uint8_t {
    connect = 1,
    connack,
    publish,
    puback,
    pubrec,
    pubrel,
    pubcomp,
    subscribe,
    suback,
    unsubscribe,
    unsuback,
    pingreq,
    pingresp,
    disconnect,
};

// Section 2.2.2, table 2.2: of every type but PUBLISH.
constexpr std::uint8_t required_flags(Type type) {
    return type == Type::pubrel || type == Type::subscribe || type == Type::unsubscribe ? 2 : 0;
}

}  // namespace muster::wire::mqtt
