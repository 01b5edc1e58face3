#include "wire/tpm/buffer.h"

namespace muster::wire::tpm {

Writer& Writer::u16(std::size_t number) {
    bytes_.push_back(static_cast<std::uint8_t>(number >> 8));
    bytes_.push_back(static_cast<std::uint8_t>(number));
    return *this;
}

Writer& Writer::u32(std::uint32_t number) {
    return u16(number >> 16).u16(number & 0xFFFF);
}

Writer& Writer::raw(ByteView bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
}

Writer& Writer::sized(ByteView bytes) {
    return u16(bytes.size()).raw(bytes);
}

Result<ByteView> Reader::cut(std::size_t size, std::string_view what) {
    if (rest_.size() < size) return fail(Errc::invalid_argument, "it ends in the middle of {}", what);
    const auto out = rest_.first(size);
    rest_ = rest_.subspan(size);
    return out;
}

Result<std::uint16_t> Reader::u16(std::string_view what) {
    MUSTER_TRY(const auto bytes, cut(2, what));
    return static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
}

Result<std::uint32_t> Reader::u32(std::string_view what) {
    MUSTER_TRY(const std::uint32_t high, u16(what));
    MUSTER_TRY(const auto low, u16(what));
    return high << 16 | low;
}

Result<ByteView> Reader::sized(std::string_view what) {
    MUSTER_TRY(const auto size, u16(what));
    return cut(size, what);
}

Result<ByteView> Reader::sized_whole(std::string_view what) {
    const auto* begin = rest_.data();
    MUSTER_TRY(const auto content, sized(what));
    return ByteView(begin, content.size() + 2);
}

}  // namespace muster::wire::tpm
