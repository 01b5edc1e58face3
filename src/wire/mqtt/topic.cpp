#include <algorithm>

#include "base/text.h"
#include "wire/mqtt/codec.h"
#include "wire/mqtt/utf8.h"

namespace muster::wire::mqtt {
namespace {

constexpr std::size_t max_text = 65535;

}  // namespace

// Section 1.5.3 with RFC 3629: no NUL, no surrogates, nothing overlong, nothing cut short.
bool is_mqtt_text(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto first = static_cast<unsigned char>(text[i]);
        if (first == 0) return false;
        if (first < 0x80) {
            ++i;
            continue;
        }
        const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
        if (first < 0xc2 || first > 0xf4 || text.size() - i < size) return false;
        std::uint32_t point = first & (0xffU >> (size + 1));
        for (std::size_t k = 1; k < size; ++k) {
            const auto byte = static_cast<unsigned char>(text[i + k]);
            if ((byte & 0xc0) != 0x80) return false;
            point = point << 6 | (byte & 0x3fU);
        }
        constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
        if (point < smallest[size] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return false;
        i += size;
    }
    return true;
}

bool is_topic_name(std::string_view text) {
    return !text.empty() && text.size() <= max_text && is_mqtt_text(text) &&
           text.find_first_of("#+") == std::string_view::npos;
}

bool is_topic_filter(std::string_view text) {
    if (text.empty() || text.size() > max_text || !is_mqtt_text(text)) return false;
    const auto levels = split(text, '/');
    for (std::size_t i = 0; i < levels.size(); ++i) {
        const auto level = levels[i];
        if (level == "#" && i + 1 < levels.size()) return false;
        if (level.size() > 1 && level.find_first_of("#+") != std::string_view::npos) return false;
    }
    return true;
}

bool matches(std::string_view filter, std::string_view topic) {
    const auto wanted = split(filter, '/');
    const auto levels = split(topic, '/');
    if (topic.starts_with('$') && (wanted[0] == "#" || wanted[0] == "+")) return false;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (wanted[i] == "#") return true;
        if (i >= levels.size()) return false;
        if (wanted[i] != "+" && wanted[i] != levels[i]) return false;
        // "a/#" matches "a" too.
        if (i + 1 == levels.size() && i + 2 == wanted.size() && wanted[i + 1] == "#") return true;
    }
    return wanted.size() == levels.size();
}

}  // namespace muster::wire::mqtt
