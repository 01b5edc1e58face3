// Our listener alone: mutual TLS and a constant answer, nothing behind it. The difference to musterd is what
// registering costs, the difference to nginx what our TLS and HTTP save.
#include <csignal>
#include <cstdio>

#include "base/file.h"
#include "net/http_server.h"
#include "net/reactor.h"
#include "pki/direct_ec.h"

namespace {

using namespace muster;

Task<net::HttpResponse> constant(const net::HttpRequest&, const net::Peer&) {
    net::HttpResponse response;
    response.headers.add("Content-Type", "text/plain");
    response.body = "ok\n";
    co_return response;
}

Result<> run(const std::string& address, const char* chain_file, const char* key_file) {
    MUSTER_TRY(const auto chain, read_file(chain_file));
    MUSTER_TRY(const auto key, read_file(key_file));
    MUSTER_TRY(auto tls, net::ServerTls::create(chain, key));
    net::Reactors reactors;
    net::HttpServer server(reactors, constant);
    reactors.start();
    MUSTER_TRY(const auto port, server.listen_tls(address, tls));
    std::printf("%u\n", port);
    static_cast<void>(std::fflush(stdout));
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    int signal = 0;
    sigwait(&wanted, &signal);
    server.drain(std::chrono::seconds(1));
    reactors.stop();
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, nullptr);
    if (argc != 4) {
        static_cast<void>(std::fputs("usage: bench_bare_server ADDRESS CHAIN KEY\n", stderr));
        return 2;
    }
    pki::use_direct_ec_keys();
    const auto result = run(argv[1], argv[2], argv[3]);
    if (!result) static_cast<void>(std::fprintf(stderr, "bench_bare_server: %s\n", result.error().chain().c_str()));
    return result ? 0 : 1;
}
