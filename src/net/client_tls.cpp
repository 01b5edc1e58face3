#include "net/client_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "net/address.h"
#include "net/tls_error.h"

namespace muster::net {
namespace {

int verdict_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

std::string date_text(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unreadable date";
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

// "expired on 2026-01-01T00:00:00Z", "is for other names than host", or what OpenSSL calls it.
std::string fault_text(int error, const pki::Certificate& certificate, const std::string& host) {
    switch (error) {
        case X509_V_ERR_CERT_HAS_EXPIRED: return "expired on " + date_text(X509_get0_notAfter(certificate.get()));
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return fmt::format("is not valid before {} (is this machine's clock right?)",
                               date_text(X509_get0_notBefore(certificate.get())));
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH: return fmt::format("is for other names than {}", host);
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return "is self-signed and not trusted here";
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: return "is a root that is not trusted here";
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            return fmt::format("is issued by {}, which is neither trusted here nor sent along", certificate.issuer());
        default: return X509_verify_cert_error_string(error);
    }
}

bool lacks_anchor(int error) {
    return error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT || error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
           error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT || error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
}

int note_verdict(int ok, X509_STORE_CTX* context) {
    if (ok == 1) return 1;
    const auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* verdict = static_cast<ServerVerdict*>(SSL_get_ex_data(ssl, verdict_index()));
    X509* subject = X509_STORE_CTX_get_current_cert(context);
    if (!verdict || !subject) return 0;
    const int error = X509_STORE_CTX_get_error(context);
    const auto certificate = pki::Certificate::from_x509(subject);
    const char* host = SSL_get0_peername(const_cast<SSL*>(ssl));
    const char* wanted = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const std::string name = wanted ? wanted : (host ? host : "this address");
    verdict->problem =
        fmt::format("its certificate {} {}", certificate.subject(), fault_text(error, certificate, name));
    verdict->untrusted = lacks_anchor(error);
    return 0;
}

Result<> trust(SSL_CTX* context, const std::string& pem) {
    MUSTER_TRY(const auto authorities, pki::parse_chain(pem));
    for (const auto& authority : authorities) {
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) != 1) {
            return fail(tls_setup_error("cannot trust a certificate"));
        }
    }
    return {};
}

Result<> use_identity(SSL_CTX* context, const ClientTls& tls) {
    if (tls.chain.empty()) return {};
    if (SSL_CTX_use_certificate(context, tls.chain.front().get()) != 1) {
        return fail(tls_setup_error("the client certificate is not usable"));
    }
    for (std::size_t i = 1; i < tls.chain.size(); ++i) {
        if (SSL_CTX_add1_chain_cert(context, tls.chain[i].get()) != 1) {
            return fail(tls_setup_error("a certificate of the client's chain is not usable"));
        }
    }
    if (!tls.key || SSL_CTX_use_PrivateKey(context, tls.key.get()) != 1) {
        return std::unexpected(
            Error(Errc::invalid_argument, fmt::format("the key does not fit the client certificate {}: {}",
                                                      tls.chain.front().subject(), tls_failure_text())));
    }
    return {};
}

}  // namespace

Result<ClientContext> make_client_context(const ClientTls& tls) {
    ClientContext context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1) {
        return fail(tls_setup_error("cannot set up TLS"));
    }
    SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_read_ahead(context.get(), 1);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, note_verdict);
    // An intermediate given as trusted is enough: the fleet owner may not hold the root.
    X509_STORE_set_flags(SSL_CTX_get_cert_store(context.get()), X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
    if (tls.trust_system_store && SSL_CTX_set_default_verify_paths(context.get()) != 1) {
        return fail(tls_setup_error("cannot read the system's trusted certificates"));
    }
    for (const auto& pem : tls.extra_ca_pem) MUSTER_CHECK(trust(context.get(), pem));
    MUSTER_CHECK(use_identity(context.get(), tls));
    ERR_clear_error();
    return context;
}

Result<SslPtr> new_client_connection(SSL_CTX* context, const std::string& host, ServerVerdict& verdict) {
    SslPtr ssl(SSL_new(context));
    if (!ssl) return fail(tls_setup_error("cannot set up TLS"));
    SSL_set_connect_state(ssl.get());
    SSL_set_ex_data(ssl.get(), verdict_index(), &verdict);
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    bool named = false;
    if (is_ip_literal(host)) {
        named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str()) == 1;
    } else {
        named = SSL_set1_host(ssl.get(), host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl.get(), host.c_str()) == 1;
    }
    if (!named) return fail(Errc::invalid_argument, "\"{}\" is not a host name", host);
    return ssl;
}

Error handshake_error(const std::string& where, const ServerVerdict& verdict) {
    if (verdict.problem.empty()) {
        return Error(Errc::unavailable, fmt::format("TLS handshake with {} failed: {}", where, tls_failure_text()));
    }
    ERR_clear_error();
    Error error(Errc::unauthorized, fmt::format("{} is not trusted: {}", where, verdict.problem));
    if (!verdict.untrusted) return error;
    return std::move(error).with_hint(
        "run `muster trust` on the server, or fetch its CA over a channel you trust, and add it to the trusted "
        "certificates");
}

}  // namespace muster::net
