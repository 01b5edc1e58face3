#include "base/json.h"

#include <algorithm>
#include <cmath>

namespace muster {
namespace {

constexpr std::size_t max_depth = 32;

std::string_view kind_name(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null: return "null";
        case json::kind::bool_: return "a boolean";
        case json::kind::int64:
        case json::kind::uint64:
        case json::kind::double_: return "a number";
        case json::kind::string: return "a string";
        case json::kind::array: return "an array";
        case json::kind::object: return "an object";
    }
    return "something else";
}

std::unexpected<Error> wrong_kind(std::string_view name, std::string_view wanted, const json::value& got) {
    return fail(Errc::invalid_argument, "\"{}\" must be {}, not {}", name, wanted, kind_name(got));
}

void append_pretty(std::string& out, const json::value& value, std::size_t indent);

template <class Items, class Write>
void append_block(std::string& out, const Items& items, char open, char close, std::size_t indent, Write write) {
    out += open;
    bool first = true;
    for (const auto& item : items) {
        out += first ? "\n" : ",\n";
        first = false;
        out.append(indent + 2, ' ');
        write(item);
    }
    if (!first) {
        out += '\n';
        out.append(indent, ' ');
    }
    out += close;
}

void append_pretty(std::string& out, const json::value& value, std::size_t indent) {
    if (const auto* object = value.if_object()) {
        append_block(out, *object, '{', '}', indent, [&](const auto& member) {
            out += json::serialize(json::string(member.key()));
            out += ": ";
            append_pretty(out, member.value(), indent + 2);
        });
    } else if (const auto* array = value.if_array()) {
        append_block(out, *array, '[', ']', indent, [&](const auto& item) { append_pretty(out, item, indent + 2); });
    } else {
        out += json::serialize(value);
    }
}

// The parser makes infinity of 1e400, and writes that in a way that it does not read.
bool all_finite(const json::value& value) {
    if (const auto* number = value.if_double()) return std::isfinite(*number);
    if (const auto* array = value.if_array()) return std::ranges::all_of(*array, all_finite);
    const auto* object = value.if_object();
    return object == nullptr ||
           std::ranges::all_of(*object, [](const auto& member) { return all_finite(member.value()); });
}

}  // namespace

Result<json::value> parse_json(std::string_view text) {
    json::parse_options options;
    options.max_depth = max_depth;
    boost::system::error_code error;
    auto value = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
    if (error) return fail(Errc::invalid_argument, "not valid JSON: {}", error.message());
    if (!all_finite(value))
        return fail(Errc::invalid_argument, "not valid JSON: a number is beyond what 64 bits can hold (1.8e308)");
    return value;
}

Result<json::object> parse_json_object(std::string_view text) {
    MUSTER_TRY(auto value, parse_json(text));
    if (!value.is_object()) return fail(Errc::invalid_argument, "must be a JSON object, not {}", kind_name(value));
    return std::move(value.as_object());
}

const json::value* find_member(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(json::string_view(name.data(), name.size()));
    return value == nullptr || value->is_null() ? nullptr : value;
}

Result<std::optional<std::string>> optional_string(const json::object& object, std::string_view name) {
    const auto* value = find_member(object, name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) return wrong_kind(name, "a string", *value);
    return std::string(value->as_string());
}

Result<std::optional<bool>> optional_bool(const json::object& object, std::string_view name) {
    const auto* value = find_member(object, name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_bool()) return wrong_kind(name, "true or false", *value);
    return value->as_bool();
}

Result<std::optional<std::int64_t>> optional_integer(const json::object& object, std::string_view name) {
    const auto* value = find_member(object, name);
    if (value == nullptr) return std::nullopt;
    boost::system::error_code error;
    const auto number = value->to_number<std::int64_t>(error);
    if (error) return wrong_kind(name, "an integer", *value);
    return number;
}

Result<const json::object*> optional_object(const json::object& object, std::string_view name) {
    const auto* value = find_member(object, name);
    if (value == nullptr) return nullptr;
    if (!value->is_object()) return wrong_kind(name, "an object", *value);
    return &value->as_object();
}

Result<std::string> required_string(const json::object& object, std::string_view name) {
    MUSTER_TRY(auto value, optional_string(object, name));
    if (!value) return fail(Errc::invalid_argument, "\"{}\" is missing", name);
    return std::move(*value);
}

std::string string_or(const json::object& object, std::string_view name, std::string_view otherwise) {
    const auto* value = find_member(object, name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string(otherwise);
}

std::string pretty(const json::value& value) {
    std::string out;
    append_pretty(out, value, 0);
    return out;
}

}  // namespace muster
