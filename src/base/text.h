// Small text helpers, all ASCII and free of the locale.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace muster {

std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
bool equals_ignore_case(std::string_view a, std::string_view b);
bool starts_with_ignore_case(std::string_view text, std::string_view prefix);
std::string_view trim(std::string_view text);
// "a,b,,c" -> {"a", "b", "", "c"}; the empty text gives one empty part.
std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);

// The whole text as a decimal integer that fits T; nothing else is accepted.
template <class T>
std::optional<T> parse_integer(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// The candidate that a mistyped name most likely meant; none when all are too far away.
std::optional<std::string> nearest(std::string_view mistyped, const std::vector<std::string>& candidates);

// The text with every byte that is not part of valid UTF-8 (RFC 3629) written as \xNN: what others sent need not be
// text, JSON must be.
std::string as_utf8(std::string_view text);

// The text fit to print on one line: control characters escaped, cut with "..." after `limit` bytes.
std::string printable(std::string_view text, std::size_t limit = 200);

}  // namespace muster
