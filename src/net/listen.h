// Listening sockets: bound, with errors that say what is in the way.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"

namespace muster::net {

// A file descriptor that closes itself.
class Fd {
public:
    explicit Fd(int fd = -1) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd();
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }

private:
    int fd_;
};

struct TcpListeners {
    std::vector<Fd> sockets;  // all on the same address, SO_REUSEPORT: the kernel spreads the connections
    std::uint16_t port = 0;   // the one really bound
};

// Non-blocking listeners on an IP address, `count` of them.
Result<TcpListeners> listen_tcp(const std::string& address, std::size_t count);

// Takes over a path that no one answers on any more; Errc::conflict when someone does.
Result<Fd> listen_unix_path(const std::filesystem::path& path, mode_t mode);

}  // namespace muster::net
