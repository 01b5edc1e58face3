// An HTTP/1.1 client over TLS and over unix sockets; without TLS only where that is asked for.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/task.h"
#include "net/http.h"
#include "pki/certificate.h"
#include "pki/key.h"

namespace muster::net {

// What the client trusts and who it is.
struct ClientTls {
    bool trust_system_store = true;         // OpenSSL's default locations, SSL_CERT_FILE and SSL_CERT_DIR respected
    std::vector<std::string> extra_ca_pem;  // trusted besides (or instead)
    pki::CertificateChain chain;            // client certificate, leaf first; empty for none
    pki::EvpKey key;  // its key; may be one whose private half is elsewhere (signs through a callback)
};

struct ClientOptions {
    std::chrono::milliseconds connect{10'000};  // name lookup, TCP and TLS handshake
    std::chrono::milliseconds request{70'000};  // from sending to the last byte of the answer
    std::size_t body_bytes = 4 * 1024 * 1024;   // larger answers are refused
    // Connect here ("127.0.0.1:443") while the URL's host is used for TLS and the Host header.
    std::optional<std::string> connect_to;
    std::optional<std::string> proxy;  // "http://[user:password@]host:port": HTTP CONNECT
    bool plain = false;                // "http://host[:port]" is taken, too: for what is signed in itself
};

// A connection that is kept and reopened as needed. One request at a time; not for use from two threads at once.
//
// Errors: Errc::unavailable (name, connect, reset), Errc::timeout, Errc::unauthorized (the server's certificate is not
// trusted; the message names the reason and subject), Errc::too_large, Errc::invalid_argument (malformed answer). Any
// HTTP status is an answer, not an error.
class HttpClient {
public:
    // "https://host[:port]", "unix:///path/to.sock", or with `plain` "http://host[:port]", which goes through no proxy.
    static Result<std::shared_ptr<HttpClient>> create(const std::string& base_url,
                                                      const std::shared_ptr<const ClientTls>& tls = nullptr,
                                                      ClientOptions options = {});
    ~HttpClient();

    // Fills in Host and Content-Length. A request on a kept connection that the server closed meanwhile is sent again
    // once.
    Task<Result<HttpResponse>> send(HttpRequest request);
    // The same from a program without a loop.
    Result<HttpResponse> send_blocking(HttpRequest request);
    // Name, TCP (or the proxy's CONNECT) and TLS, and no more: can the server be reached, and is it who it says?
    Result<> try_to_connect_blocking();
    void close();

private:
    struct State;
    explicit HttpClient(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace muster::net
