#include "wire/mqtt/codec.h"
#include "wire/mqtt/format.h"

namespace muster::wire::mqtt {
namespace {

constexpr std::size_t max_field = 65535;
constexpr std::size_t max_length = 268'435'455;

// Collects the variable header and the payload; remembers when a field did not fit.
class Writer {
public:
    void byte(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
    void number(std::uint16_t value) {
        byte(static_cast<std::uint8_t>(value >> 8));
        byte(static_cast<std::uint8_t>(value));
    }
    void field(std::string_view value) {
        if (value.size() > max_field) fits_ = false;
        number(static_cast<std::uint16_t>(value.size()));
        out_.append(value);
    }
    void raw(std::string_view value) { out_.append(value); }

    Result<std::string> finish(Type type, std::uint8_t flags) const {
        if (!fits_ || out_.size() > max_length) return fail(Errc::too_large, "the MQTT packet does not fit its format");
        std::string packet;
        packet.reserve(out_.size() + 5);
        packet.push_back(static_cast<char>(static_cast<std::uint8_t>(type) << 4 | flags));
        auto length = out_.size();
        do {
            const auto digit = static_cast<std::uint8_t>(length & 0x7f);
            length >>= 7;
            packet.push_back(static_cast<char>(length > 0 ? digit | 0x80 : digit));
        } while (length > 0);
        return packet.append(out_);
    }

private:
    std::string out_;
    bool fits_ = true;
};

std::uint8_t connect_flags(const Connect& connect) {
    unsigned flags = 0;
    if (connect.user_name) flags |= 0x80;
    if (connect.password) flags |= 0x40;
    if (connect.will)
        flags |= 0x04U | static_cast<unsigned>(connect.will->qos << 3) | (connect.will->retain ? 0x20 : 0);
    if (connect.clean_session) flags |= 0x02;
    return static_cast<std::uint8_t>(flags);
}

Result<std::string> write(const Connect& connect) {
    Writer out;
    out.field("MQTT");
    out.byte(connect.level);
    out.byte(connect_flags(connect));
    out.number(connect.keep_alive);
    out.field(connect.client_id);
    if (connect.will) {
        out.field(connect.will->topic);
        out.field(connect.will->payload);
    }
    if (connect.user_name) out.field(*connect.user_name);
    if (connect.password) out.field(connect.password->text());
    return out.finish(Type::connect, 0);
}

Result<std::string> write(const Connack& connack) {
    Writer out;
    out.byte(connack.session_present ? 1 : 0);
    out.byte(static_cast<std::uint8_t>(connack.code));
    return out.finish(Type::connack, 0);
}

Result<std::string> write(const Publish& publish) {
    Writer out;
    out.field(publish.topic);
    if (publish.qos > 0) out.number(publish.packet_id);
    out.raw(publish.payload);
    const auto flags = (publish.duplicate ? 0x08 : 0) | publish.qos << 1 | (publish.retain ? 0x01 : 0);
    return out.finish(Type::publish, static_cast<std::uint8_t>(flags));
}

Result<std::string> acknowledge(Type type, std::uint16_t packet_id) {
    Writer out;
    out.number(packet_id);
    return out.finish(type, required_flags(type));
}

Result<std::string> write(const Puback& packet) {
    return acknowledge(Type::puback, packet.packet_id);
}
Result<std::string> write(const Pubrec& packet) {
    return acknowledge(Type::pubrec, packet.packet_id);
}
Result<std::string> write(const Pubrel& packet) {
    return acknowledge(Type::pubrel, packet.packet_id);
}
Result<std::string> write(const Pubcomp& packet) {
    return acknowledge(Type::pubcomp, packet.packet_id);
}
Result<std::string> write(const Unsuback& packet) {
    return acknowledge(Type::unsuback, packet.packet_id);
}

Result<std::string> write(const Subscribe& subscribe) {
    Writer out;
    out.number(subscribe.packet_id);
    for (const auto& [filter, qos] : subscribe.filters) {
        out.field(filter);
        out.byte(qos);
    }
    return out.finish(Type::subscribe, required_flags(Type::subscribe));
}

Result<std::string> write(const Suback& suback) {
    Writer out;
    out.number(suback.packet_id);
    for (const auto code : suback.codes) out.byte(code);
    return out.finish(Type::suback, 0);
}

Result<std::string> write(const Unsubscribe& unsubscribe) {
    Writer out;
    out.number(unsubscribe.packet_id);
    for (const auto& filter : unsubscribe.filters) out.field(filter);
    return out.finish(Type::unsubscribe, required_flags(Type::unsubscribe));
}

Result<std::string> write(const Pingreq&) {
    return Writer().finish(Type::pingreq, 0);
}
Result<std::string> write(const Pingresp&) {
    return Writer().finish(Type::pingresp, 0);
}
Result<std::string> write(const Disconnect&) {
    return Writer().finish(Type::disconnect, 0);
}

}  // namespace

Result<std::string> serialize(const Packet& packet) {
    return std::visit([](const auto& one) { return write(one); }, packet);
}

}  // namespace muster::wire::mqtt
