// WebSocket frames from a client: however they are cut, the same bytes come out and the same verdict.
// rooms: net pki base
#include <cstdlib>

#include "net/websocket_frames.h"

namespace {

struct Outcome {
    std::string bytes;
    muster::net::FrameState state;
    std::uint16_t code;
    bool operator==(const Outcome&) const = default;
};

Outcome decode(std::string input, std::size_t piece) {
    muster::net::FrameDecoder decoder(64 * 1024);
    Outcome outcome{};
    for (std::size_t at = 0; at < input.size(); at += piece) {
        const auto part = std::span(input).subspan(at, std::min(piece, input.size() - at));
        const auto kept = decoder.take(part);
        if (kept > part.size()) std::abort();
        outcome.bytes.append(part.data(), kept);
        if (decoder.ping_waits() && decoder.take_ping().size() > 125) std::abort();
    }
    outcome.state = decoder.state();
    outcome.code = decoder.code();
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string input(reinterpret_cast<const char*>(data), size);
    const auto whole = decode(input, std::max<std::size_t>(size, 1));
    if (decode(input, 1) != whole || decode(input, 5) != whole) std::abort();
    return 0;
}
