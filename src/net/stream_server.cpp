#include "net/stream_server.h"

#include "base/log.h"
#include "net/server_core.h"

namespace muster::net {
namespace {

class StreamConnection final : public Connection {
public:
    StreamConnection(std::shared_ptr<Shard> shard, int fd, Peer peer, std::shared_ptr<const StreamHandler> handler)
        : Connection(std::move(shard), fd, std::move(peer)), handler_(std::move(handler)) {}

private:
    Task<> serve() override {
        become_busy(std::chrono::milliseconds::max());
        ConnectionStream bytes(*this);
        co_await (*handler_)(bytes, peer());
    }

    std::shared_ptr<const StreamHandler> handler_;
};

MakeConnection maker(StreamHandler handler) {
    return [handler = std::make_shared<const StreamHandler>(std::move(handler))](std::shared_ptr<Shard> shard, int fd,
                                                                                 Peer peer) {
        return std::make_unique<StreamConnection>(std::move(shard), fd, std::move(peer), handler);
    };
}

}  // namespace

struct StreamServer::State {
    ServerCore core;
};

StreamServer::StreamServer(Reactors& reactors, StreamHandler handler, StreamLimits limits)
    : state_(new State{ServerCore(
          reactors, {limits.handshake, limits.write, std::min(limits.handshake, limits.write), limits.connections},
          maker(std::move(handler)))}) {}

StreamServer::~StreamServer() {
    drain(std::chrono::milliseconds(0));
}

Result<std::uint16_t> StreamServer::listen_tls(const std::string& address, const std::shared_ptr<ServerTls>& tls) {
    return state_->core.listen_tcp_address(address, tls);
}

Result<std::uint16_t> StreamServer::listen_plain(const std::string& address) {
    return state_->core.listen_tcp_address(address, nullptr);
}

void StreamServer::drain(std::chrono::milliseconds patience) {
    state_->core.drain(patience);
}

StreamStatistics StreamServer::statistics() const {
    const auto& common = state_->core.common();
    return {common.open, common.total, common.handshakes_failed};
}

}  // namespace muster::net
