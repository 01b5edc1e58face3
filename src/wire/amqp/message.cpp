#include "wire/amqp/message.h"

#include <algorithm>

#include "wire/amqp/data.h"

namespace muster::wire::amqp {
namespace {

// Of everything around the body: the fixed parts of all sections, with room to spare.
constexpr std::size_t usual_overhead = 512;
constexpr std::size_t largest_encoded = 16 * 1024 * 1024;

// Section 3.2: what stands in a message, by the code of its descriptor.
enum class Section : std::uint64_t {
    header = 0x70,
    delivery_annotations = 0x71,
    message_annotations = 0x72,
    properties = 0x73,
    application_properties = 0x74,
    data = 0x75,
    sequence = 0x76,
    value = 0x77,
    footer = 0x78,
};
// Places in the list of properties.
constexpr std::size_t message_id_field = 0;
constexpr std::size_t correlation_id_field = 5;

MessageId read_id(pn_data_t* data) {
    switch (pn_data_type(data)) {
        case PN_ULONG: return std::uint64_t{pn_data_get_ulong(data)};
        case PN_UUID: {
            Uuid uuid;
            const auto value = pn_data_get_uuid(data);
            std::copy_n(reinterpret_cast<const std::uint8_t*>(value.bytes), uuid.size(), uuid.begin());
            return uuid;
        }
        case PN_BINARY: return Binary{std::string(view(pn_data_get_binary(data)))};
        case PN_STRING: return std::string(view(pn_data_get_string(data)));
        default: return std::monostate();
    }
}

struct IdWriter {
    pn_msgid_t operator()(std::monostate) const { return make(PN_NULL); }
    pn_msgid_t operator()(std::uint64_t value) const {
        auto id = make(PN_ULONG);
        id.u.as_ulong = value;
        return id;
    }
    pn_msgid_t operator()(const Uuid& uuid) const {
        auto id = make(PN_UUID);
        std::ranges::copy(uuid, reinterpret_cast<std::uint8_t*>(id.u.as_uuid.bytes));
        return id;
    }
    pn_msgid_t operator()(const Binary& binary) const {
        auto id = make(PN_BINARY);
        id.u.as_bytes = proton_bytes(binary.bytes);
        return id;
    }
    pn_msgid_t operator()(const std::string& text) const {
        auto id = make(PN_STRING);
        id.u.as_bytes = proton_bytes(text);
        return id;
    }

private:
    static pn_msgid_t make(pn_type_t type) {
        pn_msgid_t id{};
        id.type = type;
        return id;
    }
};

void read_properties(pn_data_t* data, Message& message) {
    if (pn_data_type(data) != PN_LIST) return;
    const auto count = pn_data_get_list(data);
    pn_data_enter(data);
    for (std::size_t i = 0; i < count && pn_data_next(data); ++i) {
        if (i == message_id_field) message.id = read_id(data);
        if (i == correlation_id_field) message.correlation_id = read_id(data);
    }
    pn_data_exit(data);
}

Result<> read_body(pn_data_t* data, std::string& body) {
    switch (pn_data_type(data)) {
        case PN_BINARY: body += view(pn_data_get_binary(data)); return {};
        case PN_STRING: body += view(pn_data_get_string(data)); return {};
        case PN_NULL: return {};
        default: return fail(Errc::invalid_argument, "the body of the message is neither data nor text");
    }
}

// `data` stands at the value of the section.
Result<> read_section(Section section, pn_data_t* data, Message& message) {
    switch (section) {
        case Section::properties: read_properties(data, message); return {};
        case Section::message_annotations: {
            MUSTER_TRY(message.annotations, read_map(data));
            return {};
        }
        case Section::application_properties: {
            MUSTER_TRY(message.properties, read_map(data));
            return {};
        }
        case Section::data:
        case Section::sequence:
        case Section::value: return read_body(data, message.body);
        case Section::header:
        case Section::delivery_annotations:
        case Section::footer: return {};
    }
    return fail(Errc::invalid_argument, "a message has a section of the unknown kind {:#x}",
                static_cast<std::uint64_t>(section));
}

// Decodes the section at the beginning of `bytes` and takes it off.
Result<Section> next_section(std::string_view& bytes, pn_data_t* data) {
    pn_data_clear(data);
    const auto used = pn_data_decode(data, bytes.data(), bytes.size());
    pn_data_rewind(data);
    if (used <= 0 || !pn_data_next(data) || pn_data_type(data) != PN_DESCRIBED || !pn_data_enter(data) ||
        !pn_data_next(data) || pn_data_type(data) != PN_ULONG)
        return fail(Errc::invalid_argument, "what was sent is no AMQP message");
    const auto section = static_cast<Section>(pn_data_get_ulong(data));
    if (!pn_data_next(data)) return fail(Errc::invalid_argument, "a section of the message has no value");
    bytes.remove_prefix(static_cast<std::size_t>(used));
    return section;
}

Result<std::string> encode(pn_message_t* message, std::size_t expected) {
    std::string bytes;
    for (auto room = expected; room <= largest_encoded; room *= 2) {
        bytes.resize(room);
        std::size_t size = room;
        const int error = pn_message_encode(message, bytes.data(), &size);
        if (error == 0) {
            bytes.resize(size);
            return bytes;
        }
        if (error != PN_OVERFLOW) return fail(Errc::internal, "an AMQP message cannot be written: {}", pn_code(error));
    }
    return fail(Errc::too_large, "an AMQP message of more than {} bytes", largest_encoded);
}

}  // namespace

const Value* Map::find(std::string_view name) const {
    const auto entry = std::ranges::find(entries_, name, [](const auto& pair) { return std::string_view(pair.first); });
    return entry == entries_.end() ? nullptr : &entry->second;
}

std::string_view Map::text(std::string_view name) const {
    const auto* value = find(name);
    const auto* string = value == nullptr ? nullptr : std::get_if<std::string>(value);
    return string == nullptr ? std::string_view() : std::string_view(*string);
}

Result<Message> decode_message(std::string_view bytes) {
    if (bytes.empty()) return fail(Errc::invalid_argument, "an empty message");
    const DataPtr data(pn_data(0));
    if (!data) return fail(Errc::unavailable, "no memory for a message");
    Message message;
    while (!bytes.empty()) {
        MUSTER_TRY(const auto section, next_section(bytes, data.get()));
        MUSTER_CHECK(read_section(section, data.get(), message));
    }
    return message;
}

Result<std::string> encode_message(const Message& message) {
    const MessagePtr made(pn_message());
    if (!made) return fail(Errc::unavailable, "no memory for a message");
    pn_message_set_id(made.get(), std::visit(IdWriter(), message.id));
    pn_message_set_correlation_id(made.get(), std::visit(IdWriter(), message.correlation_id));
    if (!message.annotations.empty()) write_map(pn_message_annotations(made.get()), message.annotations, Keys::symbols);
    if (!message.properties.empty()) write_map(pn_message_properties(made.get()), message.properties, Keys::strings);
    pn_message_set_inferred(made.get(), true);
    pn_data_put_binary(pn_message_body(made.get()), proton_bytes(message.body));
    return encode(made.get(), message.body.size() + usual_overhead);
}

}  // namespace muster::wire::amqp
