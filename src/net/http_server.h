// An HTTP/1.1 server over TLS and over unix sockets: keep-alive, 100-continue, chunked bodies, bodies on GET.
//
// Every wait and size has a bound: see HttpLimits. The client certificate is asked for (empty CA list) and never judged
// here: the handler gets the presented chain, key possession proven by TLS. There is no resumption: a ticket would
// carry the leaf without its intermediates.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/task.h"
#include "net/byte_stream.h"
#include "net/http.h"
#include "net/peer.h"
#include "net/reactor.h"

namespace muster::net {

struct HttpLimits {
    std::size_t header_bytes = 16 * 1024;
    std::size_t body_bytes = 256 * 1024;
    std::size_t buffered_bytes = 128 * 1024 * 1024;  // of large requests, all connections together (net/byte_budget)
    std::chrono::milliseconds handshake{10'000};
    std::chrono::milliseconds request{30'000};  // from a request's first byte to its last
    std::chrono::milliseconds idle{75'000};     // between requests
    std::chrono::milliseconds write{30'000};
    std::size_t connections =
        20'000;  // over all reactors; the oldest idle one is closed to make room, else the new one
    std::size_t requests_per_connection = 10'000;
};

using HttpHandler = std::function<Task<HttpResponse>(const HttpRequest&, const Peer&)>;

// A protocol that is spoken inside WebSockets (RFC 6455).
struct WebSocketRoute {
    std::string path;         // compared without case; the query is not looked at
    std::string subprotocol;  // compared without case; answered in the client's own spelling
    StreamHandler handler;    // gets the payload of the binary frames
};

// The server side of TLS: certificate chain and key, reloadable while connections run.
class ServerTls {
public:
    // PEM texts; Errc::invalid_argument when the key does not fit the first certificate.
    static Result<std::shared_ptr<ServerTls>> create(std::string_view chain_pem, std::string_view key_pem);
    Result<> reload(std::string_view chain_pem, std::string_view key_pem);
    ~ServerTls();

    struct State;
    State& state() { return *state_; }

private:
    ServerTls();
    std::unique_ptr<State> state_;
};

struct ServerStatistics {
    std::uint64_t connections_open;
    std::uint64_t connections_total;
    std::uint64_t handshakes_failed;
    std::uint64_t requests_total;
    std::size_t bytes_held;  // of large requests that have not wholly arrived
};

class HttpServer {
public:
    HttpServer(Reactors& reactors, HttpHandler handler, HttpLimits limits = {});
    ~HttpServer();

    // Before the first listener. A GET of a route's path that asks for a WebSocket gets the first of its subprotocols
    // that the client offers too; anything else at that path is refused. Such a session counts as a connection.
    void serve_websockets(std::vector<WebSocketRoute> routes);

    // "0.0.0.0:443", "[::]:443", "127.0.0.1:0" (any free port). One listener per reactor (SO_REUSEPORT). The error says
    // what holds the port and what mends a missing right to bind it.
    Result<std::uint16_t> listen_tls(const std::string& address, const std::shared_ptr<ServerTls>& tls);
    Result<std::uint16_t> listen_plain(const std::string& address);  // for metrics on loopback
    // Takes over the path when no one answers on it any more; mode as given.
    Result<> listen_unix(const std::filesystem::path& path, mode_t mode);
    Result<> listen_unix_fd(int fd);  // an inherited listening socket (systemd)

    // No new connections; idle ones end at once, running requests get until `patience`. Blocks; not from a reactor.
    void drain(std::chrono::milliseconds patience);
    ServerStatistics statistics() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace muster::net
