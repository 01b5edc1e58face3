// What every server is made of: listeners per reactor, admission within the limits, the sweep for overdue connections,
// and draining.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "net/connection.h"
#include "net/listen.h"
#include "net/reactor.h"

namespace muster::net {

using MakeConnection = std::function<std::unique_ptr<Connection>(std::shared_ptr<Shard>, int fd, Peer)>;

class ServerCore {
public:
    ServerCore(Reactors& reactors, ConnectionLimits limits, MakeConnection make);

    // `tls` null for plain sockets.
    Result<std::uint16_t> listen_tcp_address(const std::string& address, const std::shared_ptr<ServerTls>& tls);
    void listen_on(Fd fd);  // a listening unix socket; they take turns on the reactors
    void drain(std::chrono::milliseconds patience);
    const ServerCommon& common() const { return *common_; }

private:
    Reactors& reactors_;
    std::shared_ptr<ServerCommon> common_;
    std::shared_ptr<const MakeConnection> make_;
    std::vector<std::shared_ptr<Shard>> shards_;
    std::size_t next_shard_ = 0;
};

}  // namespace muster::net
