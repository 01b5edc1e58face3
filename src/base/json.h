// JSON from outside: parsed with bounds, read by name, and every complaint names the member.
#pragma once

#include <boost/json.hpp>

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace muster {

namespace json = boost::json;

// At most 32 levels deep, trailing bytes refused (Errc::invalid_argument). A name given twice counts once, the last
// time.
Result<json::value> parse_json(std::string_view text);
Result<json::object> parse_json_object(std::string_view text);

// The member, or nullptr when it is absent or null.
const json::value* find_member(const json::object& object, std::string_view name);

// The typed member: nothing when absent or null, an error naming `name` when of another type.
Result<std::optional<std::string>> optional_string(const json::object& object, std::string_view name);
Result<std::optional<bool>> optional_bool(const json::object& object, std::string_view name);
Result<std::optional<std::int64_t>> optional_integer(const json::object& object, std::string_view name);
Result<const json::object*> optional_object(const json::object& object, std::string_view name);  // nullptr: absent
Result<std::string> required_string(const json::object& object, std::string_view name);

// The string member or a default; for documents that we wrote ourselves.
std::string string_or(const json::object& object, std::string_view name, std::string_view otherwise = "");

// Indented by two spaces, for people.
std::string pretty(const json::value& value);

}  // namespace muster
