#include "edge/identityd/credential.h"

#include <cstdlib>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "edge/keyd/remote_key.h"

namespace muster::edge::identityd {
namespace {

std::string environment(const char* upper, const char* lower) {
    for (const char* name : {upper, lower})
        if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
    return {};
}

void warn_of_dates(const pki::Certificate& leaf, const std::string& id) {
    const auto now = SystemClock().now();
    if (now > leaf.not_after())
        log::warn("the identity certificate has expired, or this machine's clock is wrong",
                  {{"certId", id}, {"subject", leaf.subject()}, {"notAfter", format_utc_seconds(leaf.not_after())}});
    if (now < leaf.not_before())
        log::warn("the identity certificate is not valid yet, or this machine's clock is wrong",
                  {{"certId", id}, {"subject", leaf.subject()}, {"notBefore", format_utc_seconds(leaf.not_before())}});
}

Result<> check_pair(const pki::Certificate& leaf, const pki::PrivateKey& key, const DpsSettings& settings) {
    MUSTER_TRY(const auto certified, leaf.public_key());
    MUSTER_TRY(const auto held, key.public_key());
    if (certified == held) return {};
    return fail(
        Error(Errc::conflict, fmt::format("the key \"{}\" in keyd is not the key of the certificate \"{}\" ({})",
                                          settings.key_id, settings.certificate_id, leaf.subject()))
            .with_hint(
                "correct identity_cert or identity_pk in /etc/aziot/config.toml, then run: iotedge config apply"));
}

Result<std::string> registration_id_of(const DpsSettings& settings, const pki::Certificate& leaf) {
    if (settings.registration_id) return *settings.registration_id;
    if (!leaf.common_name().empty()) return leaf.common_name();
    return fail(
        Error(Errc::conflict, fmt::format("no registration_id in the settings, and the certificate \"{}\" has no "
                                          "common name to take it from",
                                          settings.certificate_id))
            .with_hint("set registration_id in [provisioning.attestation] of /etc/aziot/config.toml, then run: "
                       "iotedge config apply"));
}

Result<std::shared_ptr<const net::ClientTls>> make_tls(const DpsSettings& settings, pki::CertificateChain chain,
                                                       const pki::PrivateKey& key) {
    auto tls = std::make_shared<net::ClientTls>();
    if (settings.global_endpoint_ca) {
        auto pem = read_file(*settings.global_endpoint_ca);
        if (!pem)
            return fail(pem.error()
                            .wrap(Errc::unavailable, "cannot read the certificate authority of global_endpoint_ca")
                            .with_hint(fmt::format("the user aziotid must be able to read it: chmod 644 {}",
                                                   settings.global_endpoint_ca->string())));
        tls->extra_ca_pem.push_back(std::move(*pem));
    }
    tls->chain = std::move(chain);
    tls->key = pki::share(key.get());
    return tls;
}

}  // namespace

Task<Result<Credential>> load_credential(Neighbours neighbours, DpsSettings settings) {
    auto pem = co_await neighbours.certificates.load(settings.certificate_id);
    if (!pem)
        co_return fail(pem.error().wrap(Errc::unavailable,
                                        fmt::format("no identity certificate \"{}\"", settings.certificate_id)));
    auto chain = pki::parse_chain(*pem);
    if (!chain)
        co_return fail(
            chain.error().wrap(Errc::conflict, fmt::format("the certificate \"{}\"", settings.certificate_id)));
    auto handle = co_await neighbours.keys.load_pair(settings.key_id);
    if (!handle)
        co_return fail(handle.error().wrap(Errc::unavailable, fmt::format("no identity key \"{}\"", settings.key_id)));
    auto key = keyd::remote_key(neighbours.keys, *handle);
    if (!key)
        co_return fail(key.error().wrap(Errc::unavailable, fmt::format("no identity key \"{}\"", settings.key_id)));
    MUSTER_CO_CHECK(check_pair(chain->front(), *key, settings));
    warn_of_dates(chain->front(), settings.certificate_id);
    Credential credential;
    MUSTER_CO_TRY(credential.registration_id, registration_id_of(settings, chain->front()));
    MUSTER_CO_TRY(credential.tls, make_tls(settings, std::move(*chain), *key));
    co_return credential;
}

std::optional<std::string> proxy_for(std::string_view host) {
    auto proxy = environment("HTTPS_PROXY", "https_proxy");
    if (proxy.empty()) return std::nullopt;
    const auto exceptions = environment("NO_PROXY", "no_proxy");
    for (auto name : split(exceptions, ',')) {
        name = trim(name);
        if (name == "*") return std::nullopt;
        if (name.starts_with('.')) name.remove_prefix(1);
        if (name.empty()) continue;
        if (equals_ignore_case(name, host)) return std::nullopt;
        const bool below = host.size() > name.size() &&
                           equals_ignore_case(host.substr(host.size() - name.size()), name) &&
                           host[host.size() - name.size() - 1] == '.';
        if (below) return std::nullopt;
    }
    return proxy;
}

Result<std::shared_ptr<net::HttpClient>> cloud_client(const std::string& url, const Credential& credential,
                                                      std::chrono::seconds timeout) {
    net::ClientOptions options;
    options.connect = std::min<std::chrono::milliseconds>(timeout, std::chrono::seconds(30));
    options.request = timeout;
    auto host = std::string_view(url).substr(std::string_view("https://").size());
    if (!host.starts_with('[')) host = host.substr(0, host.find(':'));
    options.proxy = proxy_for(host);
    return net::HttpClient::create(url, credential.tls, options);
}

}  // namespace muster::edge::identityd
