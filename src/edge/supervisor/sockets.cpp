#include "edge/supervisor/sockets.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace muster::edge::supervisor {
namespace {

Result<sockaddr_un> address_of(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto& text = path.native();
    if (text.size() >= sizeof address.sun_path)
        return fail(
            Error(Errc::invalid_argument, fmt::format("the socket path {} is too long: {} characters, {} are possible",
                                                      text, text.size(), sizeof address.sun_path - 1))
                .with_hint("choose a shorter MUSTER_DEVICE_ROOT"));
    std::memcpy(address.sun_path, text.data(), text.size());
    return address;
}

bool someone_answers(const sockaddr_un& address) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    const bool connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return connected;
}

}  // namespace

Result<ListeningSocket> ListeningSocket::create(const std::filesystem::path& path, std::optional<FileOwner> owner) {
    MUSTER_TRY(const auto address, address_of(path));
    if (someone_answers(address)) return fail(Errc::conflict, "another process already serves {}", path.string());
    ::unlink(path.c_str());
    ListeningSocket out(path, ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const auto failed = [&](std::string_view what) {
        return fail(errno_error(fmt::format("cannot {} the socket {}", what, path.string()), errno));
    };
    if (out.fd_ < 0) return failed("make");
    const auto old_mask = ::umask(0177);
    const int bound = ::bind(out.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const int error = errno;
    ::umask(old_mask);
    errno = error;
    if (bound != 0) return failed("bind");
    if (owner && ::chown(path.c_str(), owner->uid, owner->gid) != 0) return failed("set the owner of");
    if (::chmod(path.c_str(), 0660) != 0) return failed("set the mode of");
    if (::listen(out.fd_, SOMAXCONN) != 0) return failed("listen on");
    return out;
}

ListeningSocket::~ListeningSocket() {
    if (fd_ < 0) return;
    ::close(fd_);
    ::unlink(path_.c_str());
}

}  // namespace muster::edge::supervisor
