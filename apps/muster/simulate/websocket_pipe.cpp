#include "muster/simulate/websocket_pipe.h"

#include "base/bytes.h"
#include "base/text.h"

namespace muster::cli::simulate {
namespace {

constexpr std::string_view end_of_header = "\r\n\r\n";
constexpr std::size_t largest_header = 16 * 1024;
constexpr std::size_t largest_frame = 1024 * 1024;
constexpr unsigned final_binary = 0x82;
constexpr unsigned masked = 0x80;

unsigned char byte_at(std::string_view text, std::size_t at) {
    return static_cast<unsigned char>(text[at]);
}

std::string big_endian(std::uint64_t value, int bytes) {
    std::string text;
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 0xff);
    return text;
}

}  // namespace

Task<Result<>> WebSocketPipe::open() {
    const auto key = base64_encode(random_.bytes(16));
    MUSTER_CO_CHECK(co_await below_.write(
        fmt::format("GET /$iothub/websocket HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\nSec-WebSocket-Protocol: {}\r\n\r\n",
                    host_header(), key, subprotocol_)));
    std::size_t end = 0;
    while ((end = received_.find(end_of_header)) == std::string::npos) {
        if (received_.size() > largest_header) co_return fail(Errc::too_large, "upgrade: the answer has no end");
        MUSTER_CO_TRY(const auto bytes, co_await below_.read());
        received_ += bytes;
    }
    const auto status = received_.substr(0, received_.find('\r'));
    if (!status.starts_with("HTTP/1.1 101 "))
        co_return fail(Errc::unsupported, "upgrade: the service answered '{}'", printable(status));
    received_.erase(0, end + end_of_header.size());
    co_return Result<>();
}

Task<Result<>> WebSocketPipe::write(std::string_view bytes) {
    std::string frame(1, static_cast<char>(final_binary));
    if (bytes.size() < 126) {
        frame += static_cast<char>(masked | bytes.size());
    } else if (bytes.size() < 65'536) {
        frame += static_cast<char>(masked | 126U);
        frame += big_endian(bytes.size(), 2);
    } else {
        frame += static_cast<char>(masked | 127U);
        frame += big_endian(bytes.size(), 8);
    }
    const auto mask = random_.bytes(4);
    frame += as_text(mask);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        frame += static_cast<char>(byte_at(bytes, i) ^ mask[i % mask.size()]);
    co_return co_await below_.write(frame);
}

Result<std::optional<std::string>> WebSocketPipe::take_frame() {
    if (received_.size() < 2) return std::nullopt;
    const unsigned kind = byte_at(received_, 0) & 0x0f;
    std::uint64_t size = byte_at(received_, 1) & 0x7f;
    const std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (received_.size() < 2 + more) return std::nullopt;
    if (more > 0) size = 0;
    for (std::size_t i = 0; i < more; ++i) size = size << 8 | byte_at(received_, 2 + i);
    if (size > largest_frame) return fail(Errc::too_large, "answer: a WebSocket frame of {} bytes", size);
    if (received_.size() < 2 + more + size) return std::nullopt;
    auto payload = received_.substr(2 + more, size);
    received_.erase(0, 2 + more + size);
    constexpr unsigned continuation = 0;
    constexpr unsigned binary = 2;
    constexpr unsigned close = 8;
    if (kind == close) return fail(Errc::unavailable, "answer: the service closed the WebSocket");
    return kind == continuation || kind == binary ? std::move(payload) : std::string();
}

Task<Result<std::string>> WebSocketPipe::read() {
    for (;;) {
        MUSTER_CO_TRY(auto payload, take_frame());
        if (payload && !payload->empty()) co_return std::move(*payload);
        if (payload) continue;
        MUSTER_CO_TRY(const auto bytes, co_await below_.read());
        received_ += bytes;
    }
}

}  // namespace muster::cli::simulate
