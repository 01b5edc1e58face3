#include "net/server_tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "net/tls_error.h"

namespace muster::net {
namespace {

using BioPtr = std::unique_ptr<BIO, decltype([](BIO* bio) { BIO_free(bio); })>;
using X509Ptr = std::unique_ptr<X509, decltype([](X509* x509) { X509_free(x509); })>;

// Forward secrecy only; TLS 1.3 suites are OpenSSL's own. What the Azure documents list for DPS and IoT Hub.
constexpr auto tls12_ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384";

// The client's chain is judged by the service that the request addresses: here every chain passes, and OpenSSL's own
// path building, the dearest part of a mutual handshake, does not run. That the client holds the leaf's key is still
// proven.
int accept_any_chain(X509_STORE_CTX*, void*) {
    return 1;
}

BioPtr memory_bio(std::string_view text) {
    return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<> use_chain(SSL_CTX* context, std::string_view chain_pem) {
    const auto bio = memory_bio(chain_pem);
    bool leaf = true;
    while (const auto certificate = X509Ptr(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))) {
        const auto added = leaf ? SSL_CTX_use_certificate(context, certificate.get())
                                : SSL_CTX_add1_chain_cert(context, certificate.get());
        if (added != 1)
            return fail(Errc::invalid_argument, "the server certificate is not usable: {}", tls_failure_text());
        leaf = false;
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        return fail(Errc::invalid_argument, "the server certificate is broken: {}", tls_failure_text());
    }
    ERR_clear_error();
    if (leaf) return fail(Errc::invalid_argument, "the server certificate file holds no CERTIFICATE block");
    return {};
}

Result<> use_key(SSL_CTX* context, std::string_view key_pem) {
    const auto key = pki::PrivateKey::from_pem(key_pem);
    if (!key) return std::unexpected(key.error().wrap(Errc::invalid_argument, "the server key cannot be read"));
    if (SSL_CTX_use_PrivateKey(context, key->get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
        return fail(Errc::invalid_argument, "the server key does not fit the server certificate: {}",
                    tls_failure_text());
    }
    return {};
}

// A ticket or cached session would bring the client back without its intermediates: no resumption of any kind.
void forbid_resumption(SSL_CTX* context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
}

void ask_for_client_certificate(SSL_CTX* context) {
    // No SSL_CTX_set_client_CA_list: an empty list makes every client offer what it has (facts: dps.md 1.1).
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(context, accept_any_chain, nullptr);
    SSL_CTX_set_max_cert_list(context, 32 * 1024);
}

void save_memory_and_time(SSL_CTX* context) {
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);  // one read system call for a whole flight
    SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384");
}

Result<std::shared_ptr<SSL_CTX>> make_context(std::string_view chain_pem, std::string_view key_pem) {
    std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context.get(), tls12_ciphers) != 1) {
        return fail(tls_setup_error("cannot set up TLS"));
    }
    forbid_resumption(context.get());
    ask_for_client_certificate(context.get());
    save_memory_and_time(context.get());
    MUSTER_CHECK(use_chain(context.get(), chain_pem));
    MUSTER_CHECK(use_key(context.get(), key_pem));
    return context;
}

}  // namespace

SslPtr ServerTls::State::new_connection() {
    std::shared_ptr<SSL_CTX> current;
    {
        const std::lock_guard lock(mutex);
        current = context;
    }
    SslPtr ssl(SSL_new(current.get()));
    if (ssl) SSL_set_accept_state(ssl.get());
    return ssl;
}

ServerTls::ServerTls() : state_(std::make_unique<State>()) {}
ServerTls::~ServerTls() = default;

Result<std::shared_ptr<ServerTls>> ServerTls::create(std::string_view chain_pem, std::string_view key_pem) {
    std::shared_ptr<ServerTls> tls(new ServerTls);
    MUSTER_CHECK(tls->reload(chain_pem, key_pem));
    return tls;
}

Result<> ServerTls::reload(std::string_view chain_pem, std::string_view key_pem) {
    MUSTER_TRY(auto context, make_context(chain_pem, key_pem));
    const std::lock_guard lock(state_->mutex);
    state_->context = std::move(context);
    return {};
}

pki::CertificateChain presented_chain(SSL* ssl) {
    pki::CertificateChain chain;
    X509* leaf = SSL_get0_peer_certificate(ssl);
    if (!leaf) return chain;
    chain.push_back(pki::Certificate::from_x509(leaf));
    const auto* rest = SSL_get_peer_cert_chain(ssl);  // on a server: without the leaf
    for (int i = 0; rest && i < sk_X509_num(rest); ++i) {
        chain.push_back(pki::Certificate::from_x509(sk_X509_value(rest, i)));
    }
    return chain;
}

}  // namespace muster::net
