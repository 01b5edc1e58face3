// Listeners under TLS for a protocol that is not HTTP (MQTT, AMQP): a StreamHandler per connection.
//
// The same core as HttpServer: handshake bounded, client certificate asked for and not judged, one listener per
// reactor, and at the limit the connection that has been idle the longest makes room.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "net/byte_stream.h"
#include "net/reactor.h"

namespace muster::net {

class ServerTls;

struct StreamLimits {
    std::chrono::milliseconds handshake{10'000};
    std::chrono::milliseconds write{30'000};
    std::size_t connections = 20'000;  // over all reactors
};

struct StreamStatistics {
    std::uint64_t connections_open;
    std::uint64_t connections_total;
    std::uint64_t handshakes_failed;
};

class StreamServer {
public:
    StreamServer(Reactors& reactors, StreamHandler handler, StreamLimits limits = {});
    ~StreamServer();

    // As HttpServer::listen_tls; returns the port that is really bound.
    Result<std::uint16_t> listen_tls(const std::string& address, const std::shared_ptr<ServerTls>& tls);
    Result<std::uint16_t> listen_plain(const std::string& address);  // on loopback, for tests

    // No new connections; idle ones end at once, busy ones get until `patience`. Blocks; not from a reactor.
    void drain(std::chrono::milliseconds patience);
    StreamStatistics statistics() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace muster::net
