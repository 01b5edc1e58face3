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
#include <optional>
#include <string>

#include "base/error.h"
#include "base/task.h"
#include "net/http.h"
#include "net/reactor.h"
#include "pki/certificate.h"

namespace muster::net {

struct HttpLimits {
    std::size_t header_bytes = 16 * 1024;
    std::size_t body_bytes = 256 * 1024;
    std::chrono::milliseconds handshake{10'000};
    std::chrono::milliseconds request{30'000};  // from a request's first byte to its last
    std::chrono::milliseconds idle{75'000};     // between requests
    std::chrono::milliseconds write{30'000};
    std::size_t connections =
        20'000;  // over all reactors; the oldest idle one is closed to make room, else the new one
    std::size_t requests_per_connection = 10'000;
};

struct PeerCredentials {
    uid_t uid;
    gid_t gid;
    pid_t pid;
};

// Who is at the other end; the same for every request of a connection.
struct Peer {
    std::string address;                         // "127.0.0.1:51234", or "unix"
    std::optional<PeerCredentials> credentials;  // unix sockets only (SO_PEERCRED)
    pki::CertificateChain chain;                 // leaf first, as presented; empty without a client certificate
    std::string server_name;                     // SNI, lower case; may be empty
    bool tls = false;
};

using HttpHandler = std::function<Task<HttpResponse>(const HttpRequest&, const Peer&)>;

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
};

class HttpServer {
public:
    HttpServer(Reactors& reactors, HttpHandler handler, HttpLimits limits = {});
    ~HttpServer();

    // "0.0.0.0:443", "[::]:443", "127.0.0.1:0" (any free port). One listener per reactor (SO_REUSEPORT). The error says
    // what holds the port and what mends a missing right to bind it.
    Result<std::uint16_t> listen_tls(const std::string& address, std::shared_ptr<ServerTls> tls);
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
