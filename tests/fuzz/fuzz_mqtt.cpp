// MQTT packets from a device. The input is a stream, offered whole and in pieces: both ways must say the same, and what
// was understood must survive being written and read again.
// rooms: wire/mqtt base
#include <cstdlib>

#include "wire/mqtt/codec.h"

using namespace muster;
using namespace muster::wire;

namespace {

struct Outcome {
    std::vector<std::string> packets;
    bool failed = false;
    bool operator==(const Outcome&) const = default;
};

void note(Outcome& outcome, const mqtt::Packet& packet) {
    // CONNECT of another level is read no further than its level, so it cannot be written as it was.
    if (const auto* connect = std::get_if<mqtt::Connect>(&packet); connect != nullptr && connect->level != 4) {
        outcome.packets.emplace_back("another level");
        return;
    }
    const auto bytes = mqtt::serialize(packet);
    if (!bytes) std::abort();
    const auto again = mqtt::parse(*bytes);
    if (!again || mqtt::serialize(*again).value() != *bytes) std::abort();
    outcome.packets.push_back(*bytes);
}

Outcome decode(std::string_view input, std::size_t piece) {
    Outcome outcome;
    mqtt::Decoder decoder(64 * 1024);
    while (!input.empty() && !outcome.failed) {
        auto part = input.substr(0, piece);
        input.remove_prefix(part.size());
        for (;;) {
            const auto packet = decoder.next(part);
            outcome.failed = !packet.has_value();
            if (!packet || !*packet) break;
            note(outcome, **packet);
        }
    }
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto whole = decode(input, std::max<std::size_t>(size, 1));
    if (decode(input, 1) != whole || decode(input, 7) != whole) std::abort();
    const auto topic = input.substr(0, size / 2);
    (void)mqtt::matches(input.substr(size / 2), topic);
    return 0;
}
