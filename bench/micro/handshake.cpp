// One TLS handshake in memory, the server's side of it alone on the clock: what a connection costs before any socket.
// MUSTER_OPENSSL_PLAIN=1 shows the same without pki/direct_ec.h.
#include <benchmark/benchmark.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <chrono>

#include "base/random.h"
#include "net/server_tls.h"
#include "pki/direct_ec.h"
#include "pki/issue.h"

namespace muster {
namespace {

using Clock = std::chrono::steady_clock;

struct Identity {
    pki::CertificateChain chain;
    pki::PrivateKey key;
};

Identity make(pki::Profile profile, const std::string& name, const Identity* issuer) {
    SystemRandom random;
    pki::IssueRequest request;
    request.profile = profile;
    request.common_name = name;
    request.dns_names = {name};
    request.not_before = SystemClock().now() - std::chrono::hours(1);
    request.not_after = request.not_before + std::chrono::days(30);
    auto key = pki::PrivateKey::generate({}).value();
    const auto public_key = key.public_key().value();
    if (!issuer) return {{pki::issue(request, public_key, nullptr, &key, random).value()}, std::move(key)};
    const pki::Issuer by{issuer->chain.front(), issuer->key};
    Identity identity{{pki::issue(request, public_key, &by, nullptr, random).value()}, std::move(key)};
    identity.chain.insert(identity.chain.end(), issuer->chain.begin(), issuer->chain.end());
    return identity;
}

struct Parties {
    Identity root = make(pki::Profile::root_ca, "Root", nullptr);
    Identity middle = make(pki::Profile::intermediate_ca, "Middle", &root);
    Identity device = make(pki::Profile::client, "device-1", &middle);
    Identity server = make(pki::Profile::server, "localhost", &root);
    std::shared_ptr<net::ServerTls> tls =
        net::ServerTls::create(server.chain.front().pem(), server.key.to_pem().value().text()).value();
    std::shared_ptr<SSL_CTX> client{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
};

Parties& parties() {
    static Parties parties;
    return parties;
}

void use_device(SSL* ssl) {
    auto& device = parties().device;
    SSL_use_certificate(ssl, device.chain.front().get());
    for (std::size_t i = 1; i < device.chain.size(); ++i) SSL_add1_chain_cert(ssl, device.chain[i].get());
    SSL_use_PrivateKey(ssl, device.key.get());
}

// Adds the time of the server's part to `spent`.
void handshake(bool mutual, const char* groups, Clock::duration& spent) {
    net::SslPtr client(SSL_new(parties().client.get()));
    SSL_set_connect_state(client.get());
    SSL_set1_groups_list(client.get(), groups);
    if (mutual) use_device(client.get());
    auto start = Clock::now();
    auto server = parties().tls->state().new_connection();
    spent += Clock::now() - start;
    BIO *near = nullptr, *far = nullptr;
    BIO_new_bio_pair(&near, 65536, &far, 65536);
    SSL_set_bio(client.get(), near, near);
    SSL_set_bio(server.get(), far, far);
    for (int i = 0; i < 4 && SSL_is_init_finished(server.get()) == 0; ++i) {
        SSL_do_handshake(client.get());
        start = Clock::now();
        SSL_do_handshake(server.get());
        spent += Clock::now() - start;
    }
    start = Clock::now();
    auto chain = net::presented_chain(server.get());
    benchmark::DoNotOptimize(chain);
    if (mutual && chain.size() != 3) std::abort();
    chain.clear();
    server.reset();
    spent += Clock::now() - start;
}

void measure(benchmark::State& state, bool mutual, const char* groups) {
    for (auto _ : state) {
        Clock::duration spent{};
        handshake(mutual, groups, spent);
        state.SetIterationTime(std::chrono::duration<double>(spent).count());
    }
}

BENCHMARK_CAPTURE(measure, mutual_x25519, true, "X25519")->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(measure, mutual_p256, true, "P-256")->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(measure, one_way_x25519, false, "X25519")->UseManualTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace muster

int main(int argc, char** argv) {
    const char* plain = std::getenv("MUSTER_OPENSSL_PLAIN");
    if (!plain || *plain != '1') muster::pki::use_direct_ec_keys();
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
}
