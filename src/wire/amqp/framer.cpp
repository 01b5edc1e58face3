#include "wire/amqp/framer.h"

#include <algorithm>

namespace muster::wire::amqp {
namespace {

using namespace std::string_view_literals;

constexpr auto amqp_header = "AMQP\0\1\0\0"sv;
constexpr auto sasl_header = "AMQP\3\1\0\0"sv;
constexpr std::size_t size_field = 4;
constexpr std::size_t smallest_frame = 8;
// The standard says 512 (section 5.3.2), which a shared access signature may come close to.
constexpr std::size_t sasl_frame_limit = 4096;

}  // namespace

std::string_view protocol_header(Protocol protocol) {
    return protocol == Protocol::sasl ? sasl_header : amqp_header;
}

Result<std::string_view> Framer::next(std::string_view& bytes) {
    if (left_ > 0) {
        const auto piece = bytes.substr(0, left_);
        bytes.remove_prefix(piece.size());
        left_ -= piece.size();
        return end_if_complete(piece);
    }
    const auto wanted = expects_header() ? sizeof beginning_ : size_field;
    const auto part = bytes.substr(0, wanted - collected_);
    std::ranges::copy(part, beginning_ + collected_);
    bytes.remove_prefix(part.size());
    collected_ += part.size();
    if (collected_ < wanted) return std::string_view();
    collected_ = 0;
    return wanted == size_field ? take_size() : take_header();
}

Result<std::string_view> Framer::take_header() {
    const std::string_view header(beginning_, sizeof beginning_);
    if (header == sasl_header && state_ == State::first_header) {
        state_ = State::sasl;
    } else if (header == amqp_header) {
        state_ = State::amqp;
    } else {
        return fail(Errc::invalid_argument, "the peer does not begin with the header of AMQP 1.0");
    }
    return end_if_complete(header);
}

Result<std::string_view> Framer::take_size() {
    std::size_t size = 0;
    for (std::size_t i = 0; i < size_field; ++i) size = size << 8 | static_cast<unsigned char>(beginning_[i]);
    const auto limit = in_sasl() ? std::min(sasl_frame_limit, frame_limit_) : frame_limit_;
    if (size < smallest_frame) return fail(Errc::invalid_argument, "a frame of {} bytes", size);
    if (size > limit) return fail(Errc::too_large, "a frame of {} bytes, more than {}", size, limit);
    left_ = size - size_field;
    return std::string_view(beginning_, size_field);
}

std::string_view Framer::end_if_complete(std::string_view piece) {
    if (left_ == 0) ++ended_;
    return piece;
}

}  // namespace muster::wire::amqp
