#include "edge/config/toml_text.h"

#include <fmt/format.h>

namespace muster::edge {

void TomlText::comment(std::string_view line) {
    out_ += fmt::format("# {}\n", line);
}

void TomlText::blank() {
    out_ += "\n";
}

void TomlText::header(std::string_view open, const std::vector<std::string>& path, std::string_view close) {
    std::vector<std::string> keys;
    for (const auto& part : path) keys.push_back(toml_key(part));
    if (!out_.ends_with("\n\n")) out_ += "\n";
    out_ += fmt::format("{}{}{}\n", open, fmt::join(keys, "."), close);
}

void TomlText::table(const std::vector<std::string>& path) {
    header("[", path, "]");
}

void TomlText::array_table(const std::vector<std::string>& path) {
    header("[[", path, "]]");
}

void TomlText::text(std::string_view key, std::string_view value) {
    verbatim(key, toml_string(value));
}

void TomlText::number(std::string_view key, std::uint64_t value) {
    verbatim(key, fmt::format("{}", value));
}

void TomlText::boolean(std::string_view key, bool value) {
    verbatim(key, value ? "true" : "false");
}

void TomlText::texts(std::string_view key, const std::vector<std::string>& values) {
    std::vector<std::string> parts;
    for (const auto& value : values) parts.push_back(toml_string(value));
    verbatim(key, fmt::format("[{}]", fmt::join(parts, ", ")));
}

void TomlText::verbatim(std::string_view key, std::string_view toml) {
    out_ += fmt::format("{} = {}\n", toml_key(key), toml);
}

}  // namespace muster::edge
