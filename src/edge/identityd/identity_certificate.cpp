#include "edge/identityd/identity_certificate.h"

#include <boost/asio/post.hpp>

#include "base/log.h"
#include "base/text.h"
#include "edge/identityd/x509_credential.h"
#include "edge/keyd/remote_key.h"
#include "edge/renewal/keep.h"
#include "edge/service/daemon.h"
#include "edge/service/local_call.h"
#include "pki/subject.h"

namespace muster::edge::identityd {
namespace {

constexpr Micros pause_before_first = std::chrono::minutes(1);
constexpr std::string_view usual_key = "rsa-2048:*";  // facts/device.md 4.3

// The pair, kept by certd and keyd.
class Store final : public renewal::PairStore {
public:
    explicit Store(Neighbours neighbours) : neighbours_(std::move(neighbours)) {}

    Task<Result<std::optional<pki::CertificateChain>>> certificate(std::string id) override {
        MUSTER_CO_TRY(const auto pem, co_await neighbours_.certificates.find(id));
        if (!pem) co_return std::optional<pki::CertificateChain>();
        auto chain = pki::parse_chain(*pem);
        if (!chain) co_return fail(chain.error().wrap(Errc::conflict, fmt::format("the certificate \"{}\"", id)));
        co_return std::optional(std::move(*chain));
    }

    Task<Result<std::optional<pki::PublicKey>>> key(std::string id) override {
        MUSTER_CO_TRY(const auto handle, co_await neighbours_.keys.find_pair(std::move(id)));
        if (!handle) co_return std::optional<pki::PublicKey>();
        const auto key = keyd::remote_key(neighbours_.keys, *handle);
        // It may have been moved meanwhile.
        if (!key && says_not_found(key.error())) co_return std::optional<pki::PublicKey>();
        if (!key) co_return fail(key.error());
        MUSTER_CO_TRY(auto half, key->public_key());
        co_return std::optional(std::move(half));
    }

    Task<Result<>> put_certificate(std::string id, pki::CertificateChain chain) override {
        co_return co_await neighbours_.certificates.import(std::move(id), pki::to_pem(chain));
    }
    Task<Result<>> remove_certificate(std::string id) override {
        co_return co_await neighbours_.certificates.remove(std::move(id));
    }
    Task<Result<>> move_key(std::string from, std::string to) override {
        co_return co_await neighbours_.keys.move_pair(std::move(from), std::move(to));
    }

private:
    Neighbours neighbours_;
};

// The key, made when there is none yet: of the kind that the issuer asks for, else as the original has it.
Task<Result<std::string>> key_for(Neighbours neighbours, std::string certificate, std::string key_id) {
    MUSTER_CO_TRY(auto found, co_await neighbours.keys.find_pair(key_id));
    if (found) co_return std::move(*found);
    auto wanted = co_await neighbours.certificates.preferred_algorithms(std::move(certificate));
    if (!wanted || wanted->empty()) wanted = std::string(usual_key);
    co_return co_await neighbours.keys.create_pair(std::move(key_id), std::move(*wanted));
}

Task<Result<pki::CertificateChain>> request(Neighbours neighbours, std::string certificate, std::string key_id,
                                            pki::Subject subject) {
    MUSTER_CO_TRY(const auto handle, co_await key_for(neighbours, certificate, std::move(key_id)));
    MUSTER_CO_TRY(const auto key, keyd::remote_key(neighbours.keys, handle));
    MUSTER_CO_TRY(const auto csr, pki::Csr::create(key, subject));
    MUSTER_CO_TRY(const auto pem, co_await neighbours.certificates.create(std::move(certificate), csr.pem()));
    co_return pki::parse_chain(pem);
}

std::string_view name_in(const pki::Subject& subject) {
    for (const auto& [type, value] : subject)
        if (equals_ignore_case(type, "CN")) return value;
    return {};
}

renewal::PairIds ids_of(const X509Settings& settings) {
    return {settings.certificate_id, settings.key_id};
}

}  // namespace

Task<Result<pki::CertificateChain>> ensure_identity(Neighbours neighbours, X509Settings settings) {
    Store store(neighbours);
    auto found = co_await renewal::settle(store, ids_of(settings));
    if (!found) co_return fail(found.error().wrap(Errc::unavailable, "the identity certificate cannot be looked at"));
    const auto& subject = settings.issued->subject;
    if (*found && equals_ignore_case((*found)->front().common_name(), name_in(subject))) co_return std::move(**found);
    log::info("getting an identity certificate", {{"certId", settings.certificate_id}, {"name", name_in(subject)}});
    auto chain = co_await request(neighbours, settings.certificate_id, settings.key_id, subject);
    if (!chain)
        co_return fail(chain.error().wrap(Errc::unavailable,
                                          fmt::format("no identity certificate \"{}\"", settings.certificate_id)));
    log::info("identity certificate issued", {{"certId", settings.certificate_id},
                                              {"subject", chain->front().subject()},
                                              {"notAfter", format_utc_seconds(chain->front().not_after())}});
    co_return std::move(chain);
}

IdentityKeeper::IdentityKeeper(Provisioner& provisioner, Neighbours neighbours, Random& random,
                               boost::asio::io_context& cloud, std::unique_ptr<WallTimer> timer,
                               std::function<void()> renewed)
    : provisioner_(provisioner),
      neighbours_(std::move(neighbours)),
      random_(random),
      cloud_(cloud),
      timer_(std::move(timer)),
      renewed_(std::move(renewed)) {}

Result<std::unique_ptr<IdentityKeeper>> IdentityKeeper::create(Provisioner& provisioner, Neighbours neighbours,
                                                               Random& random, boost::asio::io_context& cloud,
                                                               std::function<void()> renewed) {
    MUSTER_TRY(auto timer, WallTimer::create(cloud.get_executor()));
    return std::unique_ptr<IdentityKeeper>(
        new IdentityKeeper(provisioner, std::move(neighbours), random, cloud, std::move(timer), std::move(renewed)));
}

std::optional<X509Settings> IdentityKeeper::issued() const {
    const auto& settings = provisioner_.settings();
    const auto* x509 = std::get_if<X509Settings>(&settings.credential);
    if (settings.source == Source::none || x509 == nullptr || !x509->issued) return std::nullopt;
    return *x509;
}

void IdentityKeeper::look() {
    boost::asio::post(cloud_, [this] { timer_->wake(); });
}

Task<Result<pki::CertificateChain>> IdentityKeeper::issue(std::string certificate, std::string key,
                                                          pki::CertificateChain old) {
    return request(neighbours_, std::move(certificate), std::move(key), pki::subject_of(old.front()));
}

Task<Result<>> IdentityKeeper::prove(pki::CertificateChain chain, std::string key) {
    MUSTER_CO_TRY(auto credential, co_await credential_with(neighbours_, std::move(chain), std::move(key)));
    co_return co_await provisioner_.prove(std::move(credential));
}

// DPS asks for the certificate by itself; with an identity made by hand perhaps nobody does for a long time.
Task<> IdentityKeeper::get_first(X509Settings settings) {
    while (provisioner_.settings().source == Source::manual) {
        const auto chain = co_await ensure_identity(neighbours_, settings);
        if (chain) co_return;
        log::error("there is no identity certificate yet", {{"error", line_of(chain.error())}});
        co_await timer_->wait(pause_before_first);
    }
}

Task<> IdentityKeeper::run() {
    // With other ids it is another life: they change with a restart.
    const auto settings = issued();
    if (!settings) co_return;
    co_await get_first(*settings);
    Store store(neighbours_);
    const SystemClock wall;
    renewal::Surroundings around{wall,
                                 [] { return std::chrono::steady_clock::now(); },
                                 random_,
                                 [this](Micros time) -> Task<> {
                                     release_memory();
                                     co_await timer_->wait(time);
                                 },
                                 [this] {
                                     const auto now = issued();
                                     return now ? now->issued->auto_renew : std::nullopt;
                                 },
                                 {},
                                 renewed_};
    renewal::Ways ways{
        [this](std::string certificate, std::string key, pki::CertificateChain old) {
            return issue(std::move(certificate), std::move(key), std::move(old));
        },
        [this](pki::CertificateChain chain, std::string key) { return prove(std::move(chain), std::move(key)); }};
    co_await renewal::keep(store, ids_of(*settings), std::move(ways), std::move(around));
}

}  // namespace muster::edge::identityd
