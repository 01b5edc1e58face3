#include "notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/text.h"

namespace muster::musterd {

Result<> notify_systemd(std::string_view state) {
    const char* given = std::getenv("NOTIFY_SOCKET");
    if (given == nullptr || *given == '\0') return {};
    const std::string_view path(given);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return fail(Errc::invalid_argument, "NOTIFY_SOCKET is too long for a socket's path");
    std::memcpy(address.sun_path, path.data(), path.size());
    // "@" stands for the zero byte of Linux's abstract names.
    if (path.front() == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return fail(errno_error("cannot make a socket for systemd", errno));
    const auto sent =
        ::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size);
    const int error = errno;
    ::close(fd);
    if (sent < 0) return fail(errno_error("cannot tell systemd", error));
    return {};
}

std::string status_line(std::string_view text) {
    // systemd drops a datagram of more than 4096 bytes, and a status that is no UTF-8.
    constexpr std::size_t most = 1000;
    std::string line(text.substr(0, most));
    std::ranges::replace(line, '\n', ' ');
    return "STATUS=" + as_utf8(line);
}

}  // namespace muster::musterd
