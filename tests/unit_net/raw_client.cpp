#include "raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>

namespace muster::net {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

RawClient::RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("connect");
}

RawClient::RawClient(const std::filesystem::path& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("connect");
}

RawClient::~RawClient() {
    ::close(fd_);
}

bool RawClient::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

std::string RawClient::read(std::size_t size, std::chrono::milliseconds patience) {
    const auto end = Clock::now() + patience;
    while (buffer_.size() < size && !ended_) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
        pollfd wanted{fd_, POLLIN, 0};
        if (left <= 0 || ::poll(&wanted, 1, static_cast<int>(left)) <= 0) break;
        std::array<char, 65536> bytes{};
        const auto got = ::recv(fd_, bytes.data(), bytes.size(), 0);
        if (got <= 0) ended_ = true;
        if (got > 0) buffer_.append(bytes.data(), static_cast<std::size_t>(got));
    }
    const auto taken = buffer_.substr(0, size);
    buffer_.erase(0, taken.size());
    return taken;
}

std::string RawClient::read_answer() {
    std::string header;
    while (!header.ends_with("\r\n\r\n")) {
        const auto byte = read(1);
        if (byte.empty()) return header;
        header += byte;
    }
    const auto at = header.find("Content-Length: ");
    if (at == std::string::npos) return header;
    return header + read(std::stoul(header.substr(at + 16)));
}

std::string RawClient::read_to_end(std::chrono::milliseconds patience) {
    return read(std::string::npos, patience);
}

bool RawClient::ended(std::chrono::milliseconds patience) {
    while (!ended_ && !read(65536, patience).empty()) {
    }
    return ended_;
}

}  // namespace muster::net
