// MQTT 3.1.1 packets to bytes and back (OASIS mqtt-v3.1.1-os sections 2 and 3). Strict: a packet that breaks a rule of
// the grammar is an error, never repaired; and bounded: its declared length is judged before its bytes are waited for.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "wire/mqtt/packet.h"

namespace muster::wire::mqtt {

// Bytes in, cut anywhere; packets out.
class Decoder {
public:
    // The largest packet taken, fixed header included.
    explicit Decoder(std::size_t packet_limit) : packet_limit_(packet_limit) {}

    // The next packet of `bytes`, which it shortens by what it used; nothing when the rest is no whole packet (it is
    // kept: offer what follows). Errors: Errc::too_large beyond the limit, Errc::invalid_argument for a malformed
    // packet. After an error the stream is not to be read any further.
    Result<std::optional<Packet>> next(std::string_view& bytes);

    // Part of a packet has come, its end has not.
    bool midway() const { return !partial_.empty(); }
    // Bytes of memory that the part takes.
    std::size_t held() const { return partial_.capacity(); }

private:
    Result<std::optional<std::size_t>> packet_size(std::string_view bytes) const;

    std::size_t packet_limit_;
    std::string partial_;
};

// One whole packet: fixed header, exactly as many bytes as it says.
Result<Packet> parse(std::string_view bytes);

// Errc::too_large when a field does not fit its length prefix or the packet the format (268,435,455 bytes).
Result<std::string> serialize(const Packet& packet);

// UTF-8 without NUL (section 1.5.3), 1 to 65535 bytes; '#' and '+' as whole levels only, '#' as the last one
// (section 4.7). A topic name has neither.
bool is_topic_name(std::string_view text);
bool is_topic_filter(std::string_view text);
// Section 4.7. Wildcards at the beginning do not match a topic that begins with '$'.
bool matches(std::string_view filter, std::string_view topic);

}  // namespace muster::wire::mqtt
