// Where the protocol headers and frames of an AMQP connection begin and end (OASIS amqp-core-transport-v1.0 sections
// 2.2 and 2.3.1). What stands in a frame is Proton's business; that it is whole, and of a protocol that may be spoken
// now, is judged here first: Proton would take up TLS by itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace muster::wire::amqp {

enum class Protocol : std::uint8_t { amqp = 0, sasl = 3 };

// "AMQP", the protocol's number, version 1.0.0.
std::string_view protocol_header(Protocol protocol);
inline constexpr std::size_t header_size = 8;

class Framer {
public:
    // Larger frames than these many bytes are refused; those of the SASL layer have a bound of their own, 4 KB.
    explicit Framer(std::size_t frame_limit) : frame_limit_(frame_limit) {}

    // The next header or frame, whole; empty when `bytes` ends within it: what there is of it is kept. `bytes` is
    // shortened by what was looked at. The frame lies in `bytes`, or here until the next call.
    // Errc::invalid_argument for another protocol, Errc::too_large for a frame beyond the limit: judged by its size
    // field, before the rest of it is waited for.
    Result<std::string_view> next(std::string_view& bytes);

    // A header or a frame has begun and not ended, and how much of it is here.
    bool midway() const { return !whole_ && !partial_.empty(); }
    std::size_t held() const { return partial_.size(); }
    // Headers and frames that have ended.
    std::uint64_t ended() const { return ended_; }

    // The SASL layer is done: the header of AMQP itself must follow.
    void expect_amqp() { state_ = State::second_header; }
    bool in_sasl() const { return state_ == State::sasl; }
    bool in_amqp() const { return state_ == State::amqp; }

private:
    enum class State { first_header, second_header, sasl, amqp };

    bool expects_header() const { return state_ == State::first_header || state_ == State::second_header; }
    // Of the header or frame that `start` begins; 0 when that takes more bytes to say.
    Result<std::size_t> size_of(std::string_view start) const;
    Result<std::string_view> finish(std::string_view whole);

    std::size_t frame_limit_;
    State state_ = State::first_header;
    std::string partial_;  // what came of a frame that is not whole yet, or the last one that did not come at once
    bool whole_ = false;   // the latter
    std::uint64_t ended_ = 0;
};

}  // namespace muster::wire::amqp
