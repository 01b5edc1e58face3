// A server on a free loopback port whose answers tell what it was asked.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>

#include "certificates.h"
#include "net/http_server.h"
#include "net/reactor.h"

namespace muster::net {

// Paths: "/echo" answers "METHOD TARGET BODY", "/peer" what is known of the client, "/big" a megabyte, "/slow" after
// twice its request's time, "/held" when it is let go, "/throw" throws, "/inject" a header with a line break in it,
// anything else 200 with no body.
class TestServer {
public:
    explicit TestServer(HttpLimits limits = {}, unsigned reactors = 2);
    ~TestServer();

    std::uint16_t plain();
    std::uint16_t tls(const Identity& identity);

    // How many requests of "/held" wait; and lets them all go, now and later.
    int held() const { return held_; }
    void let_go() { is_let_go_ = true; }
    bool wait_for_held(int count) const;

    HttpServer& server() { return server_; }
    ServerTls& server_tls() { return *tls_; }
    const std::filesystem::path& folder() const { return folder_; }

private:
    Task<HttpResponse> handle(const HttpRequest& request, const Peer& peer);

    std::filesystem::path folder_;
    std::chrono::milliseconds slow_;
    std::atomic<int> held_ = 0;
    std::atomic<bool> is_let_go_ = false;
    Reactors reactors_;
    HttpServer server_;
    std::shared_ptr<ServerTls> tls_;
};

}  // namespace muster::net
