#include "edge/identityd/identity_certificate.h"

#include <boost/asio/post.hpp>

#include <map>
#include <mutex>

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
        const auto key = co_await keyd::load_remote_key(neighbours_.keys, *handle);
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
    MUSTER_CO_TRY(const auto key, co_await keyd::load_remote_key(neighbours.keys, handle));
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

bool is_named(const pki::Certificate& certificate, std::string_view name) {
    return equals_ignore_case(certificate.common_name(), name);
}

// What issuers made of the names that they were asked for, as long as this process lives: asking once more would get
// the same, and each time costs a certificate.
class Renames {
public:
    bool known(const std::string& certificate, const std::string& wanted) const {
        const std::lock_guard lock(mutex_);
        return given_.contains({certificate, wanted});
    }
    std::string given(const std::string& certificate, const std::string& wanted) const {
        const std::lock_guard lock(mutex_);
        const auto found = given_.find({certificate, wanted});
        return found == given_.end() ? std::string() : found->second;
    }
    void note(const std::string& certificate, const std::string& wanted, const pki::Certificate& given) {
        const std::lock_guard lock(mutex_);
        if (given_.size() >= most) given_.clear();
        given_[{certificate, wanted}] = given.common_name();
    }

private:
    static constexpr std::size_t most = 64;
    mutable std::mutex mutex_;
    std::map<std::pair<std::string, std::string>, std::string> given_;
};

Renames& renames() {
    static Renames all;
    return all;
}

// `in_place` has another name than the wanted one, because the issuer wills it so, or the settings have changed and the
// issuer does not follow.
Result<pki::CertificateChain> in_spite_of_rename(const X509Settings& settings, const std::string& wanted,
                                                 pki::CertificateChain in_place) {
    const auto& id = settings.certificate_id;
    if (!renames().known(id, wanted)) {
        renames().note(id, wanted, in_place.front());
        log::warn("the issuer gave the identity certificate another name than was asked for; it is used as it is",
                  {{"certId", id}, {"asked", wanted}, {"given", in_place.front().common_name()}});
    }
    const auto given = renames().given(id, wanted);
    if (is_named(in_place.front(), given)) return in_place;
    return fail(Error(Errc::conflict,
                      fmt::format("the identity certificate \"{}\" is of \"{}\", not of \"{}\", and the issuer gives "
                                  "one of \"{}\" instead",
                                  id, printable(in_place.front().common_name()), printable(wanted), printable(given)))
                    .with_hint("have the issuer keep the subject of the request, or give the device the name that the "
                               "issuer gives it; then run: iotedge system restart"));
}

// Beside the one in place, which stays when the new one has not the name that it is there for.
Task<Result<pki::CertificateChain>> replace(Neighbours neighbours, X509Settings settings,
                                            pki::CertificateChain in_place) {
    Store store(neighbours);
    const auto ids = ids_of(settings);
    const std::string wanted(name_in(settings.issued->subject));
    MUSTER_CO_TRY(auto chain, co_await request(neighbours, ids.next_certificate(), ids.key, settings.issued->subject));
    if (is_named(chain.front(), wanted)) {
        MUSTER_CO_CHECK(co_await renewal::adopt(store, ids, {chain, ids.key}));
        co_return chain;
    }
    renames().note(ids.certificate, wanted, chain.front());
    log::warn("the issuer gave an identity certificate another name than was asked for; the one in place stays",
              {{"certId", ids.certificate},
               {"asked", wanted},
               {"given", chain.front().common_name()},
               {"inPlace", in_place.front().common_name()}});
    MUSTER_CO_CHECK(co_await store.remove_certificate(ids.next_certificate()));
    co_return in_place;
}

}  // namespace

Task<Result<pki::CertificateChain>> ensure_identity(Neighbours neighbours, X509Settings settings) {
    Store store(neighbours);
    auto found = co_await renewal::settle(store, ids_of(settings));
    if (!found) co_return fail(found.error().wrap(Errc::unavailable, "the identity certificate cannot be looked at"));
    const std::string wanted(name_in(settings.issued->subject));
    if (*found && is_named((*found)->front(), wanted)) co_return std::move(**found);
    if (*found && renames().known(settings.certificate_id, wanted))
        co_return in_spite_of_rename(settings, wanted, std::move(**found));
    log::info("getting an identity certificate", {{"certId", settings.certificate_id}, {"name", wanted}});
    auto chain = *found
                     ? co_await replace(neighbours, settings, std::move(**found))
                     : co_await request(neighbours, settings.certificate_id, settings.key_id, settings.issued->subject);
    if (!chain)
        co_return fail(chain.error().wrap(Errc::unavailable,
                                          fmt::format("no identity certificate \"{}\"", settings.certificate_id)));
    if (!is_named(chain->front(), wanted)) co_return in_spite_of_rename(settings, wanted, std::move(*chain));
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
