// Byte buffers, secrets that wipe themselves, and the text encodings of bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace muster {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Overwrites memory in a way the compiler keeps.
void wipe(void* memory, std::size_t size);

// Takes the same time whatever the contents; lengths may show.
bool equal_constant_time(ByteView a, ByteView b);
bool equal_constant_time(std::string_view a, std::string_view b);

// Key material: wiped when it goes. Never logged; copying is explicit.
class Secret {
public:
    Secret() = default;
    explicit Secret(Bytes bytes) : bytes_(std::move(bytes)) {}
    explicit Secret(std::string_view text) : bytes_(text.begin(), text.end()) {}
    Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }
    Secret& operator=(Secret&& other) noexcept;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret() { clear(); }

    Secret clone() const { return Secret(Bytes(bytes_)); }
    ByteView bytes() const { return bytes_; }
    std::string_view text() const { return as_text(bytes_); }
    std::size_t size() const { return bytes_.size(); }
    bool empty() const { return bytes_.empty(); }
    void clear();

private:
    Bytes bytes_;
};

// RFC 4648 section 4, padded.
std::string base64_encode(ByteView bytes);
// Accepts missing padding and, with `skip_space`, white space between the characters (PEM bodies, EST answers).
std::optional<Bytes> base64_decode(std::string_view text, bool skip_space = false);
std::string hex_encode(ByteView bytes);        // lower case
std::string hex_encode_upper(ByteView bytes);  // as Azure writes thumbprints
std::optional<Bytes> hex_decode(std::string_view text);

// RFC 3986 percent encoding: everything but the unreserved characters, upper-case hex.
std::string percent_encode(std::string_view text);
// Nothing when an escape is cut short or not hexadecimal. '+' stays '+': it is a space in forms only.
std::optional<std::string> percent_decode(std::string_view text);

}  // namespace muster
