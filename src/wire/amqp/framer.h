// Where the protocol headers and frames of an AMQP connection begin and end (OASIS amqp-core-transport-v1.0 sections
// 2.2 and 2.3.1). What stands in a frame is Proton's business; what it gets is judged here first: it would take up TLS
// by itself, and it does not say whether a frame is still on its way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace muster::wire::amqp {

enum class Protocol : std::uint8_t { amqp = 0, sasl = 3 };

// "AMQP", the protocol's number, version 1.0.0.
std::string_view protocol_header(Protocol protocol);

class Framer {
public:
    // Larger frames than these many bytes are refused; those of the SASL layer have a bound of their own, 4 KB.
    explicit Framer(std::size_t frame_limit) : frame_limit_(frame_limit) {}

    // What of `bytes` may be handed on, up to the end of the first header or frame; empty while the beginning of a
    // header or frame is collected. `bytes` is shortened by what was looked at. The piece lies in `bytes`, or here
    // until the next call. Errc::invalid_argument for another protocol, Errc::too_large for a frame beyond the limit.
    Result<std::string_view> next(std::string_view& bytes);

    // A header or a frame has begun and not ended.
    bool midway() const { return collected_ > 0 || left_ > 0; }
    // Headers and frames that have ended.
    std::uint64_t ended() const { return ended_; }

    // The SASL layer is done: the header of AMQP itself must follow.
    void expect_amqp() { state_ = State::second_header; }
    bool in_sasl() const { return state_ == State::sasl; }

private:
    enum class State { first_header, second_header, sasl, amqp };

    bool expects_header() const { return state_ == State::first_header || state_ == State::second_header; }
    Result<std::string_view> take_header();
    Result<std::string_view> take_size();
    std::string_view end_if_complete(std::string_view piece);

    std::size_t frame_limit_;
    State state_ = State::first_header;
    char beginning_[8] = {};
    std::size_t collected_ = 0;  // of the beginning
    std::size_t left_ = 0;       // of the frame, to be handed on as it comes
    std::uint64_t ended_ = 0;
};

}  // namespace muster::wire::amqp
