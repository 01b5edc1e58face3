#include "edge/identityd/x509_credential.h"

#include "base/clock.h"
#include "base/log.h"
#include "edge/identityd/identity_certificate.h"
#include "edge/keyd/remote_key.h"

namespace muster::edge::identityd {
namespace {

class X509Credential final : public Credential {
public:
    X509Credential(pki::CertificateChain chain, const pki::PrivateKey& key)
        : chain_(std::move(chain)), key_(pki::share(key.get())) {}

    std::string registration_id() const override { return chain_.front().common_name(); }
    void present(net::ClientTls& tls) const override {
        tls.chain = chain_;
        tls.key = pki::share(key_.get());
    }

private:
    pki::CertificateChain chain_;
    pki::EvpKey key_;  // its private half is keyd's
};

void warn_of_dates(const pki::Certificate& leaf, const std::string& id) {
    const auto now = SystemClock().now();
    if (now > leaf.not_after())
        log::warn("the identity certificate has expired, or this machine's clock is wrong",
                  {{"certId", id}, {"subject", leaf.subject()}, {"notAfter", format_utc_seconds(leaf.not_after())}});
    if (now < leaf.not_before())
        log::warn("the identity certificate is not valid yet, or this machine's clock is wrong",
                  {{"certId", id}, {"subject", leaf.subject()}, {"notBefore", format_utc_seconds(leaf.not_before())}});
}

Result<> check_pair(const pki::Certificate& leaf, const pki::PrivateKey& key, const X509Settings& settings) {
    MUSTER_TRY(const auto certified, leaf.public_key());
    MUSTER_TRY(const auto held, key.public_key());
    if (certified == held) return {};
    return fail(
        Error(Errc::conflict, fmt::format("the key \"{}\" in keyd is not the key of the certificate \"{}\" ({})",
                                          settings.key_id, settings.certificate_id, leaf.subject()))
            .with_hint(
                "correct identity_cert or identity_pk in /etc/aziot/config.toml, then run: iotedge config apply"));
}

}  // namespace

Task<Result<CredentialPtr>> credential_with(Neighbours neighbours, pki::CertificateChain chain, std::string key_id) {
    auto handle = co_await neighbours.keys.load_pair(key_id);
    auto key = handle ? co_await keyd::load_remote_key(neighbours.keys, *handle) : fail(handle.error());
    if (!key) co_return fail(key.error().wrap(Errc::unavailable, fmt::format("no identity key \"{}\"", key_id)));
    co_return std::make_shared<const X509Credential>(std::move(chain), *key);
}

Task<Result<CredentialPtr>> load_credential_of(Neighbours neighbours, X509Settings settings) {
    if (settings.issued) {
        MUSTER_CO_TRY(auto chain, co_await ensure_identity(neighbours, settings));
        warn_of_dates(chain.front(), settings.certificate_id);
        co_return co_await credential_with(neighbours, std::move(chain), settings.key_id);
    }
    auto pem = co_await neighbours.certificates.load(settings.certificate_id);
    if (!pem)
        co_return fail(pem.error().wrap(Errc::unavailable,
                                        fmt::format("no identity certificate \"{}\"", settings.certificate_id)));
    auto chain = pki::parse_chain(*pem);
    if (!chain)
        co_return fail(
            chain.error().wrap(Errc::conflict, fmt::format("the certificate \"{}\"", settings.certificate_id)));
    auto handle = co_await neighbours.keys.load_pair(settings.key_id);
    auto key = handle ? co_await keyd::load_remote_key(neighbours.keys, *handle) : fail(handle.error());
    if (!key)
        co_return fail(key.error().wrap(Errc::unavailable, fmt::format("no identity key \"{}\"", settings.key_id)));
    MUSTER_CO_CHECK(check_pair(chain->front(), *key, settings));
    warn_of_dates(chain->front(), settings.certificate_id);
    co_return std::make_shared<const X509Credential>(std::move(*chain), *key);
}

Task<Result<json::object>> describe_credential_of(Neighbours neighbours, X509Settings settings) {
    auto handle = co_await neighbours.keys.load_pair(settings.key_id);
    if (!handle) co_return fail(handle.error().wrap(Errc::unavailable, "no key for the device's identity"));
    co_return json::object{
        {"type", "x509"}, {"keyHandle", std::move(*handle)}, {"certId", std::move(settings.certificate_id)}};
}

}  // namespace muster::edge::identityd
