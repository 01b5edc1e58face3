#include "wire/mqtt/codec.h"
#include "wire/mqtt/format.h"
#include "wire/mqtt/utf8.h"

namespace muster::wire::mqtt {
namespace {

std::unexpected<Error> malformed(std::string_view what) {
    return fail(Errc::invalid_argument, "malformed MQTT packet: {}", what);
}

// The variable header and payload of one packet.
class Reader {
public:
    explicit Reader(std::string_view bytes) : rest_(bytes) {}

    bool at_end() const { return rest_.empty(); }
    std::string_view rest() { return std::exchange(rest_, {}); }

    Result<std::uint8_t> byte() {
        if (rest_.empty()) return malformed("it is cut short");
        const auto value = static_cast<std::uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return value;
    }
    Result<std::uint16_t> number() {
        if (rest_.size() < 2) return malformed("it is cut short");
        const auto high = static_cast<std::uint8_t>(rest_[0]);
        const auto low = static_cast<std::uint8_t>(rest_[1]);
        rest_.remove_prefix(2);
        return static_cast<std::uint16_t>(high << 8 | low);
    }
    Result<std::string_view> binary() {
        MUSTER_TRY(const auto size, number());
        if (rest_.size() < size) return malformed("a field is longer than the packet");
        const auto value = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return value;
    }
    Result<std::string> text() {
        MUSTER_TRY(const auto value, binary());
        if (!is_mqtt_text(value)) return malformed("a text is not UTF-8, or has a NUL");
        return std::string(value);
    }
    Result<std::uint16_t> packet_id() {
        MUSTER_TRY(const auto id, number());
        if (id == 0) return malformed("a packet identifier is 0");
        return id;
    }
    Result<> end() const {
        if (!rest_.empty()) return malformed("it has bytes too many");
        return {};
    }

private:
    std::string_view rest_;
};

struct ConnectFlags {
    bool user_name, password, will_retain, will, clean_session, reserved;
    std::uint8_t will_qos;

    explicit ConnectFlags(std::uint8_t byte)
        : user_name(byte & 0x80),
          password(byte & 0x40),
          will_retain(byte & 0x20),
          will(byte & 0x04),
          clean_session(byte & 0x02),
          reserved(byte & 0x01),
          will_qos(byte >> 3 & 0x03) {}

    // Section 3.1.2.
    bool valid() const {
        if (reserved || will_qos > 2 || (password && !user_name)) return false;
        return will || (!will_retain && will_qos == 0);
    }
};

Result<Packet> parse_connect(Reader reader) {
    Connect connect;
    MUSTER_TRY(const auto protocol, reader.text());
    MUSTER_TRY(connect.level, reader.byte());
    const bool earlier = protocol == "MQIsdp" && connect.level == 3;
    if (protocol != "MQTT" && !earlier) return malformed("the protocol is not MQTT");
    if (connect.level != 4) return connect;
    MUSTER_TRY(const auto flag_byte, reader.byte());
    const ConnectFlags flags(flag_byte);
    if (!flags.valid()) return malformed("the flags of CONNECT contradict each other");
    connect.clean_session = flags.clean_session;
    MUSTER_TRY(connect.keep_alive, reader.number());
    MUSTER_TRY(connect.client_id, reader.text());
    if (flags.will) {
        Will will{.topic = {}, .payload = {}, .qos = flags.will_qos, .retain = flags.will_retain};
        MUSTER_TRY(will.topic, reader.text());
        if (!is_topic_name(will.topic)) return malformed("the topic of the will is not one");
        MUSTER_TRY(will.payload, reader.binary());
        connect.will = std::move(will);
    }
    if (flags.user_name) {
        MUSTER_TRY(connect.user_name, reader.text());
    }
    if (flags.password) {
        MUSTER_TRY(const auto password, reader.binary());
        connect.password = Secret(password);
    }
    MUSTER_CHECK(reader.end());
    return connect;
}

Result<Packet> parse_connack(Reader reader) {
    MUSTER_TRY(const auto flags, reader.byte());
    MUSTER_TRY(const auto code, reader.byte());
    if (flags > 1 || code > 5) return malformed("CONNACK has values that are reserved");
    if (flags == 1 && code != 0) return malformed("a refused connection has no session");
    MUSTER_CHECK(reader.end());
    return Connack{flags == 1, static_cast<ConnectCode>(code)};
}

Result<Packet> parse_publish(Reader reader, std::uint8_t flags) {
    Publish publish;
    publish.duplicate = (flags & 0x08) != 0;
    publish.qos = flags >> 1 & 0x03;
    publish.retain = (flags & 0x01) != 0;
    if (publish.qos > 2 || (publish.qos == 0 && publish.duplicate)) return malformed("the flags of PUBLISH");
    MUSTER_TRY(publish.topic, reader.text());
    if (!is_topic_name(publish.topic)) return malformed("the topic of PUBLISH is not one");
    if (publish.qos > 0) {
        MUSTER_TRY(publish.packet_id, reader.packet_id());
    }
    publish.payload = reader.rest();
    return publish;
}

template <class Acknowledgement>
Result<Packet> parse_acknowledgement(Reader reader) {
    Acknowledgement packet;
    MUSTER_TRY(packet.packet_id, reader.packet_id());
    MUSTER_CHECK(reader.end());
    return packet;
}

Result<Packet> parse_subscribe(Reader reader) {
    Subscribe subscribe;
    MUSTER_TRY(subscribe.packet_id, reader.packet_id());
    do {
        Subscribe::Filter filter;
        MUSTER_TRY(filter.filter, reader.text());
        if (!is_topic_filter(filter.filter)) return malformed("a topic filter is not one");
        MUSTER_TRY(filter.qos, reader.byte());
        if (filter.qos > 2) return malformed("a requested QoS is above 2");
        subscribe.filters.push_back(std::move(filter));
    } while (!reader.at_end());
    return subscribe;
}

Result<Packet> parse_suback(Reader reader) {
    Suback suback;
    MUSTER_TRY(suback.packet_id, reader.packet_id());
    do {
        MUSTER_TRY(const auto code, reader.byte());
        if (code > 2 && code != subscription_refused) return malformed("a return code of SUBACK is reserved");
        suback.codes.push_back(code);
    } while (!reader.at_end());
    return suback;
}

Result<Packet> parse_unsubscribe(Reader reader) {
    Unsubscribe unsubscribe;
    MUSTER_TRY(unsubscribe.packet_id, reader.packet_id());
    do {
        MUSTER_TRY(auto filter, reader.text());
        if (!is_topic_filter(filter)) return malformed("a topic filter is not one");
        unsubscribe.filters.push_back(std::move(filter));
    } while (!reader.at_end());
    return unsubscribe;
}

template <class Empty>
Result<Packet> parse_empty(Reader reader) {
    MUSTER_CHECK(reader.end());
    return Empty{};
}

Result<Packet> parse_body(Type type, std::uint8_t flags, std::string_view body) {
    const Reader reader(body);
    switch (type) {
        case Type::connect: return parse_connect(reader);
        case Type::connack: return parse_connack(reader);
        case Type::publish: return parse_publish(reader, flags);
        case Type::puback: return parse_acknowledgement<Puback>(reader);
        case Type::pubrec: return parse_acknowledgement<Pubrec>(reader);
        case Type::pubrel: return parse_acknowledgement<Pubrel>(reader);
        case Type::pubcomp: return parse_acknowledgement<Pubcomp>(reader);
        case Type::subscribe: return parse_subscribe(reader);
        case Type::suback: return parse_suback(reader);
        case Type::unsubscribe: return parse_unsubscribe(reader);
        case Type::unsuback: return parse_acknowledgement<Unsuback>(reader);
        case Type::pingreq: return parse_empty<Pingreq>(reader);
        case Type::pingresp: return parse_empty<Pingresp>(reader);
        case Type::disconnect: return parse_empty<Disconnect>(reader);
    }
    return malformed("its type is reserved");
}

struct FixedHeader {
    std::size_t size;  // of the header itself
    std::size_t length;
};

// Nothing while it is not complete.
Result<std::optional<FixedHeader>> parse_fixed_header(std::string_view bytes) {
    if (bytes.empty()) return std::nullopt;
    const auto type = static_cast<std::uint8_t>(bytes[0]) >> 4;
    if (type == 0 || type == 15) return malformed("its type is reserved");
    const auto flags = static_cast<std::uint8_t>(bytes[0]) & 0x0f;
    if (const auto known = static_cast<Type>(type); known != Type::publish && flags != required_flags(known))
        return malformed("reserved flags are set");
    std::size_t length = 0;
    for (std::size_t i = 1; i <= 4; ++i) {
        if (i >= bytes.size()) return std::nullopt;
        const auto byte = static_cast<std::uint8_t>(bytes[i]);
        length |= static_cast<std::size_t>(byte & 0x7f) << (7 * (i - 1));
        if ((byte & 0x80) == 0) return FixedHeader{i + 1, length};
    }
    return malformed("its length has more than four bytes");
}

}  // namespace

Result<Packet> parse(std::string_view bytes) {
    MUSTER_TRY(const auto header, parse_fixed_header(bytes));
    if (!header || bytes.size() != header->size + header->length) return malformed("its length is not what it says");
    const auto first = static_cast<std::uint8_t>(bytes[0]);
    return parse_body(static_cast<Type>(first >> 4), first & 0x0f, bytes.substr(header->size));
}

// Nothing when the fixed header is not complete.
Result<std::optional<std::size_t>> Decoder::packet_size(std::string_view bytes) const {
    MUSTER_TRY(const auto header, parse_fixed_header(bytes));
    if (!header) return std::nullopt;
    if (header->size + header->length > packet_limit_)
        return fail(Errc::too_large, "an MQTT packet of {} bytes is more than the {} that are taken here",
                    header->size + header->length, packet_limit_);
    return header->size + header->length;
}

Result<std::optional<Packet>> Decoder::next(std::string_view& bytes) {
    while (!partial_.empty()) {
        MUSTER_TRY(const auto size, packet_size(partial_));
        if (size && partial_.size() == *size) {
            const auto whole = std::exchange(partial_, {});
            return parse(whole);
        }
        if (bytes.empty()) return std::nullopt;
        const auto wanted = std::min(size ? *size - partial_.size() : 1, bytes.size());
        partial_.append(bytes.substr(0, wanted));
        bytes.remove_prefix(wanted);
    }
    if (bytes.empty()) return std::nullopt;
    MUSTER_TRY(const auto size, packet_size(bytes));
    if (!size || bytes.size() < *size) {
        partial_ = std::exchange(bytes, {});
        return std::nullopt;
    }
    const auto whole = bytes.substr(0, *size);
    bytes.remove_prefix(*size);
    return parse(whole);
}

}  // namespace muster::wire::mqtt
