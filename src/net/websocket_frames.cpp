#include "net/websocket_frames.h"

#include <algorithm>
#include <utility>

namespace muster::net {
namespace {

enum Opcode : unsigned char { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

constexpr unsigned char final_bit = 0x80;
constexpr unsigned char reserved_bits = 0x70;
constexpr unsigned char opcode_bits = 0x0f;
constexpr unsigned char mask_bit = 0x80;
constexpr std::size_t control_limit = 125;

void append_big_endian(std::string& out, std::uint64_t value, int bytes) {
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

std::string frame(Opcode opcode, std::string_view payload) {
    std::string out;
    out.reserve(payload.size() + 10);
    out.push_back(static_cast<char>(final_bit | opcode));
    if (payload.size() <= 125) {
        out.push_back(static_cast<char>(payload.size()));
    } else if (payload.size() <= 0xffff) {
        out.push_back(126);
        append_big_endian(out, payload.size(), 2);
    } else {
        out.push_back(127);
        append_big_endian(out, payload.size(), 8);
    }
    return out.append(payload);
}

// RFC 6455 section 7.4: what may stand in a Close frame.
bool is_valid_close_code(std::uint16_t code) {
    if (code >= 3000) return code < 5000;
    return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

}  // namespace

std::size_t FrameDecoder::header_size() const {
    if (header_filled_ < 2) return 2;
    const auto length = header_[1] & ~mask_bit;
    return 2U + (length == 126 ? 2U : length == 127 ? 8U : 0U) + 4U;
}

std::uint64_t FrameDecoder::payload_length() const {
    const auto length = static_cast<std::uint64_t>(header_[1] & ~mask_bit);
    if (length < 126) return length;
    std::uint64_t value = 0;
    for (std::size_t i = 2; i < header_size() - 4; ++i) value = value << 8 | header_[i];
    return value;
}

void FrameDecoder::fail(std::uint16_t code) {
    state_ = FrameState::failed;
    code_ = code;
}

// False when the header is not complete yet, or wrong.
bool FrameDecoder::take_header(std::span<char>& rest) {
    while (header_filled_ < header_size()) {
        if (rest.empty()) return false;
        header_[header_filled_++] = static_cast<unsigned char>(rest.front());
        rest = rest.subspan(1);
        // The first two bytes are judged at once: nothing more of a wrong frame is waited for.
        if (header_filled_ == 2) begin_frame();
        if (state_ != FrameState::open) return false;
    }
    remaining_ = payload_length();
    if (remaining_ > frame_limit_) {
        fail(close_code::too_big);
        return false;
    }
    in_payload_ = true;
    mask_at_ = 0;
    control_.clear();
    return true;
}

void FrameDecoder::begin_frame() {
    const auto opcode = header_[0] & opcode_bits;
    const bool final = (header_[0] & final_bit) != 0;
    if ((header_[0] & reserved_bits) != 0 || (header_[1] & mask_bit) == 0) return fail(close_code::protocol_error);
    switch (opcode) {
        case text: return fail(close_code::unsupported_data);
        case binary:
        case continuation:
            if ((opcode == continuation) != message_begun_) return fail(close_code::protocol_error);
            message_begun_ = !final;
            return;
        case close:
        case ping:
        case pong:
            if (!final || (header_[1] & ~mask_bit) > static_cast<int>(control_limit))
                return fail(close_code::protocol_error);
            return;
        default: return fail(close_code::protocol_error);
    }
}

void FrameDecoder::end_control_frame() {
    switch (header_[0] & opcode_bits) {
        case ping:
            ping_ = std::exchange(control_, {});
            ping_waits_ = true;
            return;
        case close:
            if (control_.empty()) {
                state_ = FrameState::closed_by_peer;
                return;
            }
            code_ = control_.size() < 2 ? 0
                                        : static_cast<std::uint16_t>(static_cast<unsigned char>(control_[0]) << 8 |
                                                                     static_cast<unsigned char>(control_[1]));
            if (!is_valid_close_code(code_)) return fail(close_code::protocol_error);
            state_ = FrameState::closed_by_peer;
            return;
        default: return;
    }
}

std::size_t FrameDecoder::take(std::span<char> bytes) {
    std::size_t kept = 0;
    auto rest = bytes;
    while (state_ == FrameState::open && (!rest.empty() || in_payload_)) {
        if (!in_payload_ && !take_header(rest)) break;
        const auto* mask = header_ + header_size() - 4;
        const bool control = (header_[0] & 0x08) != 0;
        const auto here = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, rest.size()));
        for (std::size_t i = 0; i < here; ++i) {
            const auto byte = static_cast<char>(static_cast<unsigned char>(rest[i]) ^ mask[mask_at_++ % 4]);
            if (control) {
                control_.push_back(byte);
            } else {
                bytes[kept++] = byte;
            }
        }
        rest = rest.subspan(here);
        remaining_ -= here;
        if (remaining_ != 0) break;
        in_payload_ = false;
        if (control) end_control_frame();
        header_filled_ = 0;
    }
    return kept;
}

std::string FrameDecoder::take_ping() {
    ping_waits_ = false;
    return std::exchange(ping_, {});
}

std::string binary_frame(std::string_view payload) {
    return frame(binary, payload);
}

std::string pong_frame(std::string_view payload) {
    return frame(pong, payload.substr(0, control_limit));
}

std::string close_frame(std::uint16_t code) {
    std::string payload;
    append_big_endian(payload, code, 2);
    return frame(close, payload);
}

}  // namespace muster::net
