#include "edge/support/redact.h"

#include <toml++/toml.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "base/bytes.h"
#include "base/text.h"

namespace muster::edge::support {
namespace {

constexpr std::size_t shortest_secret = 4;

// Keys whose values are secret: of the super-config, of the services' files, of the container runtime's.
bool is_secret_name(std::string_view name) {
    static const std::set<std::string, std::less<>> names{"value",
                                                          "connection_string",
                                                          "device_connection_string",
                                                          "password",
                                                          "symmetric_key",
                                                          "endorsement",
                                                          "owner",
                                                          "primarykey",
                                                          "secondarykey",
                                                          "sharedaccesskey",
                                                          "pin",
                                                          "secret",
                                                          "token",
                                                          "passphrase"};
    const auto low = to_lower(name);
    if (names.contains(low)) return true;
    return std::ranges::any_of(
        std::vector<std::string_view>{"password", "secret", "token", "apikey", "api_key", "access_key"},
        [&](auto part) { return low.find(part) != std::string::npos; });
}

// "symmetric_key" names a key's id in identityd's file, and its bytes in others.
bool is_harmless(std::string_view value) {
    return value.empty() || value == "device-id" || value.starts_with("file:");
}

bool ends_value(char c) {
    return c == ';' || c == '&' || c == '"' || c == '\'' || c == ' ' || c == '\n' || c == '\r' || c == '\t' ||
           c == ',' || c == ')' || c == '}' || c == ']' || c == '\\' || c == '<';
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
        text.replace(at, what.size(), with);
}

std::size_t find_ignoring_case(std::string_view text, std::string_view what, std::size_t from) {
    const auto same = [](char a, char b) {
        const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
        return low(a) == low(b);
    };
    if (from > text.size()) return std::string_view::npos;
    const auto found = std::ranges::search(text.substr(from), what, same);
    return found.empty() ? std::string_view::npos : static_cast<std::size_t>(found.begin() - text.begin());
}

// "name=VALUE" and its like: the value goes.
void blank_after(std::string& text, std::string_view name) {
    for (auto at = find_ignoring_case(text, name, 0); at != std::string::npos;
         at = find_ignoring_case(text, name, at + name.size())) {
        const auto begin = at + name.size();
        auto end = begin;
        while (end < text.size() && !ends_value(text[end])) ++end;
        if (end > begin) text.replace(begin, end - begin, removed);
    }
}

// "Authorization: ..." to the end of what is quoted or of the line.
void blank_header(std::string& text, std::string_view name) {
    for (auto at = find_ignoring_case(text, name, 0); at != std::string::npos;
         at = find_ignoring_case(text, name, at + name.size())) {
        auto begin = at + name.size();
        while (begin < text.size() && (text[begin] == ' ' || text[begin] == '"')) ++begin;
        const auto end = std::min(text.find_first_of("\"\r\n", begin), text.size());
        if (end > begin) text.replace(begin, end - begin, removed);
    }
}

void blank_private_keys(std::string& text) {
    constexpr std::string_view begin = "-----BEGIN ", kind = "PRIVATE KEY-----", end = "-----END ";
    for (auto at = text.find(begin); at != std::string::npos; at = text.find(begin, at + begin.size())) {
        const auto head = text.find(kind, at);
        // The label is on the same line.
        if (head == std::string::npos || head - at > 40) continue;
        const auto from = head + kind.size();
        const auto to = std::min(text.find(end, from), text.size());
        text.replace(from, to - from, fmt::format("\n{}\n", removed));
    }
}

// "scheme://user:password@host": the password goes.
void blank_url_passwords(std::string& text) {
    for (auto at = text.find("://"); at != std::string::npos; at = text.find("://", at + 3)) {
        const auto begin = at + 3;
        auto end = begin;
        while (end < text.size() && text[end] != '/' && text[end] != '?' && text[end] != '#' && !ends_value(text[end]))
            ++end;
        const auto sign = text.rfind('@', end == 0 ? 0 : end - 1);
        if (sign == std::string::npos || sign < begin || sign >= end) continue;
        const auto colon = text.find(':', begin);
        if (colon == std::string::npos || colon > sign) continue;
        text.replace(colon + 1, sign - colon - 1, removed);
    }
}

void blank_patterns(std::string& text) {
    blank_private_keys(text);
    for (const auto* name :
         {"SharedAccessKey=", "sig=", "pin-value=", "sig%3D", "SharedAccessKey%3D", "password=", "passwd="})
        blank_after(text, name);
    for (const auto* name : {"Authorization:", "Authorization\":", "\"keyBytes\":", "\"plaintext\":", "authorization="})
        blank_header(text, name);
    blank_url_passwords(text);
}

using Visit = std::function<void(std::string_view key, toml::node& value)>;

void walk(toml::table& table, const Visit& visit);

void walk(toml::array& array, std::string_view key, const Visit& visit) {
    for (auto& element : array) {
        if (auto* inner = element.as_table())
            walk(*inner, visit);
        else if (auto* list = element.as_array())
            walk(*list, key, visit);
        else
            visit(key, element);
    }
}

void walk(toml::table& table, const Visit& visit) {
    for (auto&& [key, value] : table) {
        if (auto* inner = value.as_table())
            walk(*inner, visit);
        else if (auto* list = value.as_array())
            walk(*list, key.str(), visit);
        else
            visit(key.str(), value);
    }
}

std::optional<toml::table> parse(std::string_view text) {
    try {
        return toml::parse(text);
    } catch (const toml::parse_error&) {
        return std::nullopt;
    }
}

// What is secret within a value: the key of a connection string, the PIN of a URI, the password of a URL.
void learn_parts(Redactor& redactor, std::string_view value) {
    for (const std::string_view name : {"SharedAccessKey=", "pin-value="}) {
        const auto at = value.find(name);
        if (at == std::string_view::npos) continue;
        const auto rest = value.substr(at + name.size());
        const auto part = rest.substr(0, rest.find_first_of(";&"));
        redactor.learn(part);
        if (const auto decoded = percent_decode(part)) redactor.learn(*decoded);
    }
    const auto scheme = value.find("://");
    const auto sign = value.rfind('@');
    if (scheme == std::string_view::npos || sign == std::string_view::npos || sign < scheme) return;
    const auto colon = value.find(':', scheme + 3);
    if (colon == std::string_view::npos || colon > sign) return;
    const auto password = value.substr(colon + 1, sign - colon - 1);
    redactor.learn(password);
    if (const auto decoded = percent_decode(password)) redactor.learn(*decoded);
}

}  // namespace

void Redactor::learn(std::string_view secret) {
    if (secret.size() < shortest_secret) return;
    secrets_.emplace(secret);
    secrets_.emplace(base64_encode(as_bytes(secret)));
    secrets_.emplace(percent_encode(secret));
    if (const auto raw = base64_decode(secret); raw && raw->size() >= 8) {
        secrets_.emplace(as_text(*raw));
        secrets_.emplace(hex_encode(*raw));
        secrets_.emplace(hex_encode_upper(*raw));
    }
    std::string escaped(secret);
    replace_all(escaped, "/", "\\/");
    secrets_.insert(std::move(escaped));
}

void Redactor::learn_from_configuration(std::string_view text) {
    auto table = parse(text);
    if (!table) return;
    walk(*table, [this](std::string_view key, toml::node& value) {
        const auto content = value.value<std::string>();
        if (!content) return;
        learn_parts(*this, *content);
        if (is_secret_name(key) && !is_harmless(*content)) learn(*content);
    });
}

std::string Redactor::clean(std::string_view text) const {
    std::string out(text);
    // The longest first: one may hold another.
    std::vector<std::string_view> by_length(secrets_.begin(), secrets_.end());
    std::ranges::sort(by_length, [](auto a, auto b) { return a.size() > b.size(); });
    for (const auto secret : by_length) replace_all(out, secret, removed);
    blank_patterns(out);
    return out;
}

std::string Redactor::clean_configuration(std::string_view text) const {
    auto table = parse(text);
    if (!table) return fmt::format("# {} this file is not TOML\n", removed);
    walk(*table, [](std::string_view key, toml::node& value) {
        auto* const content = value.as_string();
        if (content != nullptr && is_secret_name(key) && !is_harmless(content->get())) content->get() = removed;
    });
    std::ostringstream out;
    out << *table << "\n";
    return clean(out.str());
}

}  // namespace muster::edge::support
