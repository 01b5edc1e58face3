// WebSocket frames (RFC 6455 section 5) as the server end sees them; no I/O. What they carry is taken for one stream of
// bytes: where a message or a fragment ends means nothing to the protocols inside.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace muster::net {

namespace close_code {
inline constexpr std::uint16_t normal = 1000;
inline constexpr std::uint16_t protocol_error = 1002;
inline constexpr std::uint16_t unsupported_data = 1003;
inline constexpr std::uint16_t too_big = 1009;
}  // namespace close_code

enum class FrameState { open, closed_by_peer, failed };

class FrameDecoder {
public:
    // A longer data frame is refused with 1009.
    explicit FrameDecoder(std::uint64_t frame_limit) : frame_limit_(frame_limit) {}

    // Takes all of `bytes`, cut anywhere. The payload of binary frames is unmasked and moved to their front: returns
    // its size. Nothing is taken any more once the state is not `open`.
    std::size_t take(std::span<char> bytes);

    FrameState state() const { return state_; }
    // What to answer when the state is not `open`: the peer's own code, or what it did wrong.
    std::uint16_t code() const { return code_; }
    // The payload of the last ping that has not been answered; `ping_waits` becomes false.
    std::string take_ping();
    bool ping_waits() const { return ping_waits_; }

private:
    bool take_header(std::span<char>& rest);
    void begin_frame();
    void end_control_frame();
    void fail(std::uint16_t code);
    std::size_t header_size() const;
    std::uint64_t payload_length() const;

    std::uint64_t frame_limit_;
    FrameState state_ = FrameState::open;
    std::uint16_t code_ = close_code::normal;

    unsigned char header_[14] = {};
    std::size_t header_filled_ = 0;
    bool in_payload_ = false;
    std::uint64_t remaining_ = 0;
    std::size_t mask_at_ = 0;
    bool message_begun_ = false;  // a first fragment came, its last has not

    std::string control_;
    std::string ping_;
    bool ping_waits_ = false;
};

// The server's frames are not masked.
std::string binary_frame(std::string_view payload);
std::string pong_frame(std::string_view payload);  // at most 125 bytes
std::string close_frame(std::uint16_t code);

}  // namespace muster::net
