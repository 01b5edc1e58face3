#include "wire/amqp/framer.h"

#include <algorithm>
#include <utility>

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

Result<std::size_t> Framer::size_of(std::string_view start) const {
    if (expects_header()) return header_size;
    if (start.size() < size_field) return 0;
    std::size_t size = 0;
    for (const char c : start.substr(0, size_field)) size = size << 8 | static_cast<unsigned char>(c);
    const auto limit = in_sasl() ? std::min(sasl_frame_limit, frame_limit_) : frame_limit_;
    if (size < smallest_frame) return fail(Errc::invalid_argument, "a frame of {} bytes", size);
    if (size > limit) return fail(Errc::too_large, "a frame of {} bytes, more than {}", size, limit);
    return size;
}

Result<std::string_view> Framer::next(std::string_view& bytes) {
    if (std::exchange(whole_, false)) partial_ = {};
    if (partial_.empty()) {
        MUSTER_TRY(const auto size, size_of(bytes));
        if (size > 0 && bytes.size() >= size) {
            const auto whole = bytes.substr(0, size);
            bytes.remove_prefix(size);
            return finish(whole);
        }
    }
    for (;;) {
        MUSTER_TRY(const auto size, size_of(partial_));
        if (size > 0 && partial_.size() == size) break;
        const auto part = bytes.substr(0, (size > 0 ? size : size_field) - partial_.size());
        if (part.empty()) return std::string_view();
        partial_ += part;
        bytes.remove_prefix(part.size());
    }
    whole_ = true;
    return finish(partial_);
}

Result<std::string_view> Framer::finish(std::string_view whole) {
    if (expects_header()) {
        if (whole == sasl_header && state_ == State::first_header) {
            state_ = State::sasl;
        } else if (whole == amqp_header) {
            state_ = State::amqp;
        } else {
            return fail(Errc::invalid_argument, "the peer does not begin with the header of AMQP 1.0");
        }
    }
    ++ended_;
    return whole;
}

}  // namespace muster::wire::amqp
