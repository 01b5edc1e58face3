// A key that stays in keyd, used by OpenSSL: requests, certificates and TLS handshakes.
#include "edge/keyd/remote_key.h"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/ssl.h>

#include <csignal>

#include "device.h"
#include "pki/csr.h"
#include "pki/issue.h"

namespace muster::edge::keyd {
namespace {

using edge::testing::Device;

struct FreeContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using Context = std::unique_ptr<SSL_CTX, FreeContext>;
using Ssl = std::unique_ptr<SSL, FreeSsl>;

class RemoteKey : public ::testing::TestWithParam<const char*> {
protected:
    RemoteKey() {
        device.write_settings(Service::keyd, "");
        device.start(Service::keyd);
        const auto answer = device.call(Service::keyd, "POST", "/keypair?api-version=2021-05-01",
                                        {{"keyId", "k"}, {"preferredAlgorithms", GetParam()}});
        client = std::make_unique<Client>(device.paths().socket(Service::keyd));
        key = std::make_unique<pki::PrivateKey>(remote_key(*client, string_or(answer.body, "keyHandle")).value());
    }
    pki::Certificate self_signed() const {
        SystemRandom random;
        pki::IssueRequest request;
        request.common_name = "device";
        request.not_before = SystemClock().now() - std::chrono::minutes(5);
        request.not_after = SystemClock().now() + std::chrono::days(1);
        return pki::issue(request, key->public_key().value(), nullptr, key.get(), random).value();
    }
    Device device;
    std::unique_ptr<Client> client;
    std::unique_ptr<pki::PrivateKey> key;
};

TEST_P(RemoteKey, SignsMessagesAndRequests) {
    const auto signature = key->sign(as_bytes("message")).value();
    EXPECT_TRUE(key->public_key()->verify(as_bytes("message"), signature));
    const auto csr = pki::Csr::create(*key, {{"CN", "device"}}).value();
    EXPECT_TRUE(csr.signature_ok());
    EXPECT_EQ(self_signed().common_name(), "device");
}

// Java and Go read no other (RFC 5480, 2.2: the compressed form is a MAY), however keyd's API hands the point out.
TEST_P(RemoteKey, StandsInCertificatesAndRequestsWithItsWholePoint) {
    if (key->public_key()->spec().algorithm != pki::KeyAlgorithm::ec) return;
    const auto csr = pki::Csr::create(*key, {{"CN", "device"}}).value();
    for (const auto& half : {csr.public_key().value(), self_signed().public_key().value()})
        EXPECT_EQ(EVP_PKEY_get_ec_point_conv_form(half.get()), POINT_CONVERSION_UNCOMPRESSED);
}

// Client and server in memory; true when the handshake ends well and the server saw the client's certificate.
bool handshake(const pki::PrivateKey& key, const pki::Certificate& certificate, int version) {
    const auto server = edge::testing::make_identity("localhost", {}, nullptr, false);
    const Context server_context(SSL_CTX_new(TLS_server_method()));
    const Context client_context(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_use_certificate(server_context.get(), server.certificate.get());
    SSL_CTX_use_PrivateKey(server_context.get(), server.key.get());
    SSL_CTX_set_verify(server_context.get(), SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
    SSL_CTX_set_min_proto_version(client_context.get(), version);
    SSL_CTX_set_max_proto_version(client_context.get(), version);
    if (SSL_CTX_use_certificate(client_context.get(), certificate.get()) != 1) return false;
    if (SSL_CTX_use_PrivateKey(client_context.get(), key.get()) != 1) return false;
    const Ssl at_server(SSL_new(server_context.get()));
    const Ssl at_client(SSL_new(client_context.get()));
    BIO* left = nullptr;
    BIO* right = nullptr;
    BIO_new_bio_pair(&left, 0, &right, 0);
    SSL_set_bio(at_server.get(), left, left);
    SSL_set_bio(at_client.get(), right, right);
    SSL_set_accept_state(at_server.get());
    SSL_set_connect_state(at_client.get());
    int client_done = 0;
    int server_done = 0;
    for (int turns = 0; turns < 20 && (client_done != 1 || server_done != 1); ++turns) {
        client_done = SSL_do_handshake(at_client.get());
        server_done = SSL_do_handshake(at_server.get());
    }
    return client_done == 1 && server_done == 1 && SSL_get0_peer_certificate(at_server.get()) != nullptr;
}

TEST_P(RemoteKey, AuthenticatesATlsClient) {
    EXPECT_TRUE(handshake(*key, self_signed(), TLS1_3_VERSION));
    EXPECT_TRUE(handshake(*key, self_signed(), TLS1_2_VERSION));
}

TEST_P(RemoteKey, WithoutKeydASignatureFailsAndSaysSo) {
    device.stop(Service::keyd, SIGKILL);
    EXPECT_FALSE(key->sign(as_bytes("message")));
    EXPECT_FALSE(remote_key(*client, "x"));
}

INSTANTIATE_TEST_SUITE_P(Algorithms, RemoteKey, ::testing::Values("ec-p256", "rsa-2048"),
                         [](const auto& info) { return std::string(info.param).substr(0, 2) == "ec" ? "Ec" : "Rsa"; });

}  // namespace
}  // namespace muster::edge::keyd
