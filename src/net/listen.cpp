#include "net/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "net/address.h"
#include "net/port_owner.h"

namespace muster::net {
namespace {

constexpr int backlog = 4096;  // cut to net.core.somaxconn

union SocketAddress {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_un local;
};

struct Endpoint {
    SocketAddress address{};
    socklen_t size = 0;
};

Result<Endpoint> ip_endpoint(const HostPort& where) {
    Endpoint endpoint;
    const std::string host = where.host == "localhost" ? "127.0.0.1" : where.host;
    if (::inet_pton(AF_INET, host.c_str(), &endpoint.address.v4.sin_addr) == 1) {
        endpoint.address.v4.sin_family = AF_INET;
        endpoint.address.v4.sin_port = htons(where.port);
        endpoint.size = sizeof endpoint.address.v4;
        return endpoint;
    }
    if (::inet_pton(AF_INET6, host.c_str(), &endpoint.address.v6.sin6_addr) == 1) {
        endpoint.address.v6.sin6_family = AF_INET6;
        endpoint.address.v6.sin6_port = htons(where.port);
        endpoint.size = sizeof endpoint.address.v6;
        return endpoint;
    }
    return std::unexpected(
        Error(Errc::invalid_argument, fmt::format("cannot listen on {}: not an IP address", where.text()))
            .with_hint("write 0.0.0.0 for every address of this machine, or one of them"));
}

Error listen_error(const HostPort& where, int number) {
    auto what = fmt::format("cannot listen on {}", where.text());
    if (number == EADDRINUSE) {
        return Error(Errc::conflict, fmt::format("{}: {} holds the port", what, port_owner(where.port)))
            .with_hint("stop it, or choose another port in the configuration ([listen])");
    }
    if (number == EACCES) {
        return Error(Errc::forbidden, what + ": ports below 1024 need a privilege")
            .with_hint("start as root, give the program cap_net_bind_service, or choose another port ([listen])");
    }
    return errno_error(std::move(what), number);
}

Result<Fd> bound_socket(const HostPort& where, const Endpoint& endpoint, bool shared) {
    Fd fd(::socket(endpoint.address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd.get() < 0) return fail(listen_error(where, errno));
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (shared) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // inherited by what is accepted
    if (::bind(fd.get(), &endpoint.address.any, endpoint.size) != 0) return fail(listen_error(where, errno));
    return fd;
}

std::uint16_t bound_port(int fd) {
    SocketAddress address{};
    socklen_t size = sizeof address;
    if (::getsockname(fd, &address.any, &size) != 0) return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

bool answers(const Endpoint& endpoint) {
    const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    return ::connect(probe.get(), &endpoint.address.any, endpoint.size) == 0 || errno == EAGAIN;
}

}  // namespace

Fd::~Fd() {
    if (fd_ >= 0) ::close(fd_);
}

Result<TcpListeners> listen_tcp(const std::string& address, std::size_t count) {
    MUSTER_TRY(auto where, parse_host_port(address));
    MUSTER_TRY(auto endpoint, ip_endpoint(where));
    // SO_REUSEPORT would let a second server of the same user share the port unnoticed: ask without it first.
    {
        MUSTER_TRY(const Fd probe, bound_socket(where, endpoint, false));
        if (where.port == 0) {
            where.port = bound_port(probe.get());
            MUSTER_TRY(endpoint, ip_endpoint(where));
        }
    }
    TcpListeners listeners;
    listeners.port = where.port;
    for (std::size_t i = 0; i < count; ++i) {
        MUSTER_TRY(auto fd, bound_socket(where, endpoint, count > 1));
        if (::listen(fd.get(), backlog) != 0) return fail(listen_error(where, errno));
        listeners.sockets.push_back(std::move(fd));
    }
    return listeners;
}

Result<Fd> listen_unix_path(const std::filesystem::path& path, mode_t mode) {
    const auto what = fmt::format("cannot listen on {}", path.string());
    Endpoint endpoint;
    const auto& name = path.native();
    if (name.size() >= sizeof endpoint.address.local.sun_path) {
        return fail(Errc::invalid_argument, "{}: the path of a unix socket has at most {} bytes", what,
                    sizeof endpoint.address.local.sun_path - 1);
    }
    endpoint.address.local.sun_family = AF_UNIX;
    std::memcpy(endpoint.address.local.sun_path, name.c_str(), name.size() + 1);
    endpoint.size = sizeof endpoint.address.local;
    if (answers(endpoint)) {
        return std::unexpected(
            Error(Errc::conflict, what + ": another process answers on it").with_hint("stop that process"));
    }
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd.get() < 0) return fail(errno_error(what, errno));
    struct stat status{};
    if (::lstat(name.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) ::unlink(name.c_str());
    // fchmod before bind: the path never exists with wider rights than `mode`.
    if (::fchmod(fd.get(), mode) != 0 || ::bind(fd.get(), &endpoint.address.any, endpoint.size) != 0 ||
        ::chmod(name.c_str(), mode) != 0 || ::listen(fd.get(), backlog) != 0) {
        return fail(errno_error(what, errno));
    }
    return fd;
}

}  // namespace muster::net
