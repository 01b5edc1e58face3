// The services' listening sockets, made by the supervisor as systemd would: their directory belongs to root, and a
// service that starts again loses no connection.
#pragma once

#include <filesystem>
#include <optional>

#include "base/error.h"
#include "base/file.h"

namespace muster::edge::supervisor {

// A listening unix socket, closed and its path removed at the end.
class ListeningSocket {
public:
    // 0660, owned as given. Errc::conflict when someone answers at that path already.
    static Result<ListeningSocket> create(const std::filesystem::path& path, std::optional<FileOwner> owner);
    ListeningSocket(ListeningSocket&& other) noexcept
        : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
    ListeningSocket& operator=(ListeningSocket&&) = delete;
    ~ListeningSocket();
    int fd() const { return fd_; }

private:
    ListeningSocket(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}
    std::filesystem::path path_;
    int fd_;
};

}  // namespace muster::edge::supervisor
