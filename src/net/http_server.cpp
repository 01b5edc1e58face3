#include "net/http_server.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>

#include "net/http_connection.h"
#include "net/server_core.h"

namespace muster::net {
namespace {

ConnectionLimits connection_limits(const HttpLimits& limits) {
    const auto shortest = std::min({limits.handshake, limits.request, limits.idle, limits.write});
    return {limits.handshake, limits.write, shortest, limits.connections};
}

MakeConnection maker(std::shared_ptr<HttpCommon> http) {
    return [http = std::move(http)](std::shared_ptr<Shard> shard, int fd, Peer peer) {
        return std::make_unique<HttpConnection>(std::move(shard), fd, std::move(peer), http);
    };
}

}  // namespace

struct HttpServer::State {
    std::shared_ptr<HttpCommon> http;
    ServerCore core;
};

HttpServer::HttpServer(Reactors& reactors, HttpHandler handler, HttpLimits limits) {
    auto http = std::make_shared<HttpCommon>();
    http->handler = std::move(handler);
    http->limits = limits;
    http->budget = std::make_shared<ByteBudget>(limits.buffered_bytes);
    state_ = std::make_shared<State>(http, ServerCore(reactors, connection_limits(limits), maker(http)));
}

void HttpServer::serve_websockets(std::vector<WebSocketRoute> routes) {
    state_->http->websockets = std::move(routes);
}

HttpServer::~HttpServer() {
    drain(std::chrono::milliseconds(0));
}

Result<std::uint16_t> HttpServer::listen_tls(const std::string& address, const std::shared_ptr<ServerTls>& tls) {
    return state_->core.listen_tcp_address(address, tls);
}

Result<std::uint16_t> HttpServer::listen_plain(const std::string& address) {
    return state_->core.listen_tcp_address(address, nullptr);
}

Result<> HttpServer::listen_unix(const std::filesystem::path& path, mode_t mode) {
    MUSTER_TRY(auto fd, listen_unix_path(path, mode));
    state_->core.listen_on(std::move(fd));
    return {};
}

Result<> HttpServer::listen_unix_fd(int fd) {
    int listening = 0;
    socklen_t size = sizeof listening;
    if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) {
        return fail(Errc::invalid_argument, "inherited descriptor {} is not a listening socket", fd);
    }
    if (::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) {
        return fail(errno_error(fmt::format("inherited descriptor {}", fd), errno));
    }
    state_->core.listen_on(Fd(fd));
    return {};
}

void HttpServer::drain(std::chrono::milliseconds patience) {
    state_->core.drain(patience);
}

ServerStatistics HttpServer::statistics() const {
    const auto& common = state_->core.common();
    return {common.open, common.total, common.handshakes_failed, state_->http->requests, state_->http->budget->held()};
}

}  // namespace muster::net
