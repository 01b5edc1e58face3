#include "wire/amqp/guard.h"

#include <algorithm>
#include <optional>

namespace muster::wire::amqp {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t smallest_frame = 8;
constexpr std::uint64_t begin = 0x11;
constexpr std::uint64_t attach = 0x12;
constexpr std::uint64_t transfer = 0x14;
constexpr std::uint64_t detach = 0x16;
constexpr std::uint64_t end = 0x17;

unsigned byte_at(std::string_view text, std::size_t at) {
    return static_cast<unsigned char>(text[at]);
}

// The code of the performative that `body` begins with, in the three ways to write it; nothing for anything else.
std::optional<std::uint64_t> performative(std::string_view body) {
    if (body.starts_with("\0\x53"sv) && body.size() > 2) return byte_at(body, 2);
    if (!body.starts_with("\0\x80"sv) || body.size() < 10) return std::nullopt;
    std::uint64_t code = 0;
    for (std::size_t i = 2; i < 10; ++i) code = code << 8 | byte_at(body, i);
    return code;
}

// One tree of values for all connections of a thread: it lives from one frame to the next.
pn_data_t* decode(std::string_view body) {
    static thread_local const DataPtr data(pn_data(0));
    pn_data_clear(data.get());
    if (pn_data_decode(data.get(), body.data(), body.size()) <= 0) return nullptr;
    pn_data_rewind(data.get());
    const bool list = pn_data_next(data.get()) && pn_data_type(data.get()) == PN_DESCRIBED &&
                      pn_data_enter(data.get()) && pn_data_next(data.get()) && pn_data_next(data.get()) &&
                      pn_data_type(data.get()) == PN_LIST;
    return list && pn_data_enter(data.get()) ? data.get() : nullptr;
}

// Moves on to the field; false when there are not as many.
bool go_to(pn_data_t* fields, std::size_t index) {
    pn_data_exit(fields);
    pn_data_enter(fields);
    for (std::size_t i = 0; i <= index; ++i)
        if (!pn_data_next(fields)) return false;
    return true;
}

std::optional<std::uint32_t> number(pn_data_t* fields, std::size_t index) {
    if (!go_to(fields, index) || pn_data_type(fields) != PN_UINT) return std::nullopt;
    return pn_data_get_uint(fields);
}

bool flag(pn_data_t* fields, std::size_t index) {
    return go_to(fields, index) && pn_data_type(fields) == PN_BOOL && pn_data_get_bool(fields);
}

std::unexpected<Error> broken() {
    return fail(Errc::invalid_argument, "a frame cannot be read");
}

}  // namespace

Result<> Guard::check(std::string_view frame) {
    const std::size_t data_offset = std::size_t{4} * byte_at(frame, 4);
    if (data_offset < smallest_frame || data_offset > frame.size()) return broken();
    const auto channel = static_cast<std::uint16_t>(byte_at(frame, 6) << 8 | byte_at(frame, 7));
    const auto body = frame.substr(data_offset);
    if (body.empty()) return {};  // only to show that the peer is there
    const auto code = performative(body);
    if (!code) return broken();
    if (*code == begin || *code == end) forget_session(channel);
    if (*code != attach && *code != transfer && *code != detach) return {};
    auto* fields = decode(body);
    if (fields == nullptr) return broken();
    if (*code == transfer) return check_transfer(channel, fields);
    forget_link(channel, fields, *code == attach ? 1 : 0);
    return {};
}

// Section 2.7.5: 0 handle, 1 delivery-id, 5 more, 9 aborted.
Result<> Guard::check_transfer(std::uint16_t channel, pn_data_t* fields) {
    const auto handle = number(fields, 0);
    if (!handle) return broken();
    const Midway link{channel, *handle};
    const bool goes_on = std::ranges::find(midway_, link) != midway_.end();
    if (!goes_on && !number(fields, 1)) return fail(Errc::invalid_argument, "a message begins without a delivery-id");
    const bool more = flag(fields, 5) && !flag(fields, 9);
    if (more && !goes_on) midway_.push_back(link);
    if (!more) std::erase(midway_, link);
    return {};
}

void Guard::forget_link(std::uint16_t channel, pn_data_t* fields, std::size_t handle_field) {
    if (const auto handle = number(fields, handle_field)) std::erase(midway_, Midway{channel, *handle});
}

void Guard::forget_session(std::uint16_t channel) {
    std::erase_if(midway_, [&](const Midway& link) { return link.channel == channel; });
}

}  // namespace muster::wire::amqp
