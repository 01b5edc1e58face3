#include "edge/check/ntp.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/this_coro.hpp>

#include <array>
#include <cerrno>

#include "base/text.h"
#include "net/address.h"
#include "net/lookup.h"
#include "net/reactor.h"

namespace muster::edge::checks {
namespace {

constexpr std::size_t packet_size = 48;
constexpr std::size_t originate_at = 24, receive_at = 32, transmit_at = 40;
constexpr std::uint8_t question_head = 0x23;  // no warning, version 4, client
constexpr auto patience = std::chrono::seconds(4);
// Seconds from 1900, NTP's beginning, to 1970.
constexpr std::int64_t epochs_apart = 2'208'988'800;

void put(Bytes& packet, std::size_t at, TimePoint time) {
    const auto micros = time.time_since_epoch().count();
    const auto seconds = static_cast<std::uint64_t>(micros / 1'000'000 + epochs_apart) & 0xffffffff;
    const auto fraction = static_cast<std::uint64_t>(micros % 1'000'000) * 0x1'0000'0000 / 1'000'000;
    const auto value = seconds << 32 | fraction;
    for (std::size_t i = 0; i < 8; ++i) packet[at + i] = static_cast<std::uint8_t>(value >> (56 - 8 * i));
}

// Times with the highest bit clear are of the era after 2036 (RFC 4330 section 3).
TimePoint take(ByteView packet, std::size_t at) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) value = value << 8 | packet[at + i];
    auto seconds = static_cast<std::int64_t>(value >> 32);
    if ((seconds & 0x80000000) == 0) seconds += 0x1'0000'0000;
    const auto micros = static_cast<std::int64_t>((value & 0xffffffff) * 1'000'000 >> 32);
    return TimePoint(Micros((seconds - epochs_apart) * 1'000'000 + micros));
}

struct Socket {
    int fd;
    ~Socket() {
        if (fd >= 0) ::close(fd);
    }
};

Task<Result<std::vector<boost::asio::ip::tcp::endpoint>>> look_up(std::string host, std::uint16_t port) {
    net::Deadline deadline(co_await boost::asio::this_coro::executor, patience);
    co_return co_await net::look_up(std::move(host), port, deadline);
}

Result<int> connect_to(const std::string& server) {
    MUSTER_TRY(const auto where, net::parse_host_port(server, 123));
    MUSTER_TRY(const auto found, net::run_blocking(look_up(where.host, where.port)));
    int last = 0;
    for (const auto& endpoint : found) {
        const int fd = ::socket(endpoint.protocol().family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && ::connect(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0) return fd;
        last = errno;
        if (fd >= 0) ::close(fd);
    }
    return fail(errno_error(fmt::format("the NTP server {} cannot be reached", printable(server)), last));
}

}  // namespace

Bytes ntp_question(TimePoint sent) {
    Bytes packet(packet_size);
    packet[0] = question_head;
    put(packet, transmit_at, sent);
    return packet;
}

Result<std::chrono::milliseconds> ntp_offset(ByteView answer, TimePoint sent, TimePoint received) {
    if (answer.size() < packet_size) return fail(Errc::invalid_argument, "the answer has {} bytes", answer.size());
    const auto mode = answer[0] & 7;
    const auto leap = answer[0] >> 6;
    const auto stratum = answer[1];
    if (mode != 4 && mode != 5) return fail(Errc::invalid_argument, "the answer is not one of a server");
    const auto question = ntp_question(sent);
    if (!std::ranges::equal(answer.subspan(originate_at, 8), ByteView(question).subspan(transmit_at, 8)))
        return fail(Errc::invalid_argument, "the answer belongs to another question");
    if (leap == 3 || stratum == 0 || stratum > 15)
        return fail(Errc::invalid_argument, "the server does not know the time itself");
    const auto there = take(answer, receive_at) - sent;
    const auto back = take(answer, transmit_at) - received;
    return std::chrono::duration_cast<std::chrono::milliseconds>((there + back) / 2);
}

Result<std::chrono::milliseconds> ask_ntp(const std::string& server, const Clock& clock) {
    MUSTER_TRY(const int fd, connect_to(server));
    const Socket socket{fd};
    const auto sent = clock.now();
    const auto question = ntp_question(sent);
    if (::send(fd, question.data(), question.size(), MSG_NOSIGNAL) < 0)
        return fail(errno_error(fmt::format("the NTP server {} cannot be asked", printable(server)), errno)
                        .wrap(Errc::unavailable, "no time"));
    pollfd waiting{fd, POLLIN, 0};
    const int limit = static_cast<int>(std::chrono::milliseconds(patience).count());
    if (::poll(&waiting, 1, limit) <= 0)
        return fail(Errc::timeout, "the NTP server {} does not answer", printable(server));
    std::array<std::uint8_t, 512> buffer{};
    const auto got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got < 0) return fail(Errc::unavailable, "the NTP server {} does not answer", printable(server));
    auto offset = ntp_offset(ByteView(buffer).first(static_cast<std::size_t>(got)), sent, clock.now());
    if (!offset) return fail(offset.error().wrap(fmt::format("the NTP server {}", printable(server))));
    return offset;
}

}  // namespace muster::edge::checks
