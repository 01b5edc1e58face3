// Every test of this program runs a second time with EC keys through the built-in methods (CMakeLists.txt); here is
// what only matters then: TLS still agrees on every group.
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <cstdlib>
#include <memory>

#include "lab.h"
#include "pki/direct_ec.h"

namespace muster::pki {
namespace {

class MaybeDirectEc : public testing::Environment {
public:
    void SetUp() override {
        if (std::getenv("MUSTER_TEST_DIRECT_EC") != nullptr) ASSERT_TRUE(use_direct_ec_keys());
    }
};

[[maybe_unused]] const testing::Environment* const kRegistered = testing::AddGlobalTestEnvironment(new MaybeDirectEc);

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using Connection = std::unique_ptr<SSL, decltype(&SSL_free)>;

Context make_context(const SSL_METHOD* method, int version, const lab::Made& identity) {
    Context context(SSL_CTX_new(method), SSL_CTX_free);
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
    SSL_CTX_use_certificate(context.get(), identity.certificate.get());
    SSL_CTX_use_PrivateKey(context.get(), identity.key->get());
    return context;
}

bool shake_hands(SSL* server, SSL* client) {
    BIO* server_end = nullptr;
    BIO* client_end = nullptr;
    BIO_new_bio_pair(&server_end, 0, &client_end, 0);
    SSL_set_bio(server, server_end, server_end);
    SSL_set_bio(client, client_end, client_end);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    for (int turn = 0; turn < 20; ++turn) {
        const int client_result = SSL_do_handshake(client);
        if (SSL_do_handshake(server) == 1 && client_result == 1) return true;
    }
    return false;
}

TEST(Tls, MutualHandshakeOnEveryGroupAndVersion) {
    const lab::Hierarchy made = lab::make("root | host<root server | dev<root");
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        // The certificates' own curve stands last: TLS 1.2 wants it among the groups.
        for (const char* groups : {"X25519:P-256", "P-256", "P-384:P-256", "P-521:P-256"}) {
            const Context server_context = make_context(TLS_server_method(), version, made.at("host"));
            const Context client_context = make_context(TLS_client_method(), version, made.at("dev"));
            SSL_CTX_set_verify(server_context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                               [](int, X509_STORE_CTX*) { return 1; });
            SSL_CTX_set1_groups_list(client_context.get(), groups);
            const Connection server(SSL_new(server_context.get()), SSL_free);
            const Connection client(SSL_new(client_context.get()), SSL_free);
            ASSERT_TRUE(shake_hands(server.get(), client.get())) << version << " " << groups;
            const std::unique_ptr<X509, decltype(&X509_free)> peer(SSL_get1_peer_certificate(server.get()), X509_free);
            EXPECT_EQ(Certificate::from_x509(peer.get()).der(), made.at("dev").certificate.der());
        }
    }
}

}  // namespace
}  // namespace muster::pki
