// An AMQP 1.0 message (OASIS amqp-core-messaging-v1.0 section 3.2) as data: what the services of Azure IoT put into
// one.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace muster::wire::amqp {

// Integers are read into the 64 bit types and written as the type they have here: std::int32_t is AMQP's int. Symbols
// and strings are one. std::monostate: null, or a type that nothing here reads.
using Value = std::variant<std::monostate, bool, std::int32_t, std::int64_t, std::uint64_t, double, std::string>;

// In the order of the wire.
class Map {
public:
    void set(std::string name, Value value) { entries_.emplace_back(std::move(name), std::move(value)); }
    // The first of that name, compared byte by byte; null when there is none.
    const Value* find(std::string_view name) const;
    // Empty when there is none, or it is no text.
    std::string_view text(std::string_view name) const;

    bool empty() const { return entries_.empty(); }
    auto begin() const { return entries_.begin(); }
    auto end() const { return entries_.end(); }
    bool operator==(const Map&) const = default;

private:
    std::vector<std::pair<std::string, Value>> entries_;
};

// Section 3.2.11 to 3.2.14: an answer repeats the id of its request in the request's own type.
struct Binary {
    std::string bytes;
    bool operator==(const Binary&) const = default;
};
using Uuid = std::array<std::uint8_t, 16>;
using MessageId = std::variant<std::monostate, std::uint64_t, Uuid, Binary, std::string>;

struct Message {
    MessageId id;
    MessageId correlation_id;
    Map annotations;
    Map properties;    // application properties
    std::string body;  // all data sections, or the text or binary of an amqp-value
    bool operator==(const Message&) const = default;
};

// Errc::invalid_argument for what is no message, or one with a body of other types; Errc::too_large for more than 256
// properties or annotations.
Result<Message> decode_message(std::string_view bytes);
// The body goes into one data section.
Result<std::string> encode_message(const Message& message);

}  // namespace muster::wire::amqp
