#include "edge/certd/local_ca.h"

#include "base/log.h"
#include "base/text.h"
#include "edge/certd/edge_ca.h"
#include "edge/certd/issuance.h"

namespace muster::edge::certd {
namespace {

constexpr std::string_view key_preference = "ec-p256:rsa-2048:*";

std::vector<std::pair<std::string, std::string>> authority_extensions() {
    return {{"basicConstraints", "critical,CA:TRUE"}, {"keyUsage", "critical,digitalSignature,keyCertSign,cRLSign"}};
}

std::unexpected<Error> no_local_ca() {
    return fail(Error(Errc::conflict, "there is no authority of the device's own")
                    .with_hint("set cert and pk, or method = \"self_signed\", in [cert_issuance.local_ca] of "
                               "/etc/aziot/config.toml, then run: iotedge config apply"));
}

}  // namespace

LocalCa::LocalCa(keyd::Client keys, KeyThreads& threads, EstIssuer& est, const Clock& clock, Random& random)
    : keys_(std::move(keys)),
      threads_(threads),
      est_(est),
      clock_(clock),
      random_(random),
      one_making_({1, 16, std::chrono::seconds(45)}) {}

Task<Result<pki::CertificateChain>> LocalCa::sign_own(CurrentPtr now, std::string id, const Issuance& own,
                                                      pki::Csr request, const pki::PrivateKey& key) {
    if (own.method == Method::est) co_return co_await est_.issue(std::move(now), std::move(id), std::move(request));
    if (own.method == Method::local_ca)
        co_return fail(Errc::conflict,
                       "the device's own authority cannot be issued by itself; use \"self_signed\" or \"est\"");
    const IssueOptions options{own.subject, own.expiry_days, clock_.now()};
    MUSTER_CO_TRY(auto certificate, co_await threads_.run([&] {
        return issue_from_request(request, options, {std::nullopt, key}, random_);
    }));
    co_return Chain{std::move(certificate)};
}

Task<Result<pki::CertificateChain>> LocalCa::make(CurrentPtr now, renewal::PairIds ids, std::string certificate,
                                                  std::string key_id) {
    const auto* own = now->settings.issuance_of(ids.certificate);
    if (own == nullptr) co_return no_local_ca();
    Pairs pairs(now->files, keys_);
    MUSTER_CO_TRY(const auto key, co_await pairs.make_key(std::move(key_id), std::string(key_preference)));
    const auto subject = own->subject.value_or(pki::Subject{{"CN", ids.certificate}});
    MUSTER_CO_TRY(auto request,
                  co_await threads_.run([&] { return pki::Csr::create(key, subject, authority_extensions()); }));
    MUSTER_CO_TRY(auto chain, co_await sign_own(now, certificate, *own, std::move(request), key));
    MUSTER_CO_CHECK(check_authority(ids.certificate, chain));
    MUSTER_CO_CHECK(co_await pairs.put_certificate(std::move(certificate), chain));
    co_return chain;
}

// One that is there is used as it is, expired or not: issuing with it says so. One that is not there is made.
Task<Result<pki::CertificateChain>> LocalCa::authority(CurrentPtr now, renewal::PairIds ids) {
    Pairs pairs(now->files, keys_);
    MUSTER_CO_TRY(auto chain, co_await renewal::settle(pairs, ids));
    if (chain) co_return std::move(*chain);
    if (now->settings.issuance_of(ids.certificate) == nullptr) {
        MUSTER_CO_CHECK(now->files.load(ids.certificate));
        MUSTER_CO_CHECK(co_await pairs.use_key(ids.key));
        co_return fail(Errc::conflict, "the key \"{}\" is not of the authority \"{}\"", ids.key, ids.certificate);
    }
    MUSTER_CO_TRY(auto made, co_await make(now, ids, ids.certificate, ids.key));
    log::info("the device's own authority was made",
              {{"certId", ids.certificate}, {"subject", made.front().subject()}});
    if (on_new_authority_) on_new_authority_();
    co_return made;
}

Task<Result<pki::CertificateChain>> LocalCa::issue(CurrentPtr now, std::string id, pki::Csr request) {
    if (!now->settings.local_ca) co_return no_local_ca();
    const auto ids = *now->settings.local_ca;
    if (!co_await one_making_.enter(0))
        co_return fail(Errc::throttled, "the device's own authority is being made by another request");
    const Turn turn{one_making_};
    auto chain = co_await authority(now, ids);
    if (!chain) co_return fail(chain.error().wrap(fmt::format("certificate \"{}\"", printable(id))));
    Pairs pairs(now->files, keys_);
    MUSTER_CO_TRY(const auto key, co_await pairs.use_key(ids.key));
    const auto* issuance = now->settings.issuance_of(id);
    const IssueOptions options{issuance->subject, issuance->expiry_days, clock_.now()};
    MUSTER_CO_TRY(auto certificate, co_await threads_.run([&] {
        return issue_from_request(request, options, {chain->front(), key}, random_);
    }));
    chain->insert(chain->begin(), std::move(certificate));
    co_return std::move(*chain);
}

renewal::Ways LocalCa::ways_to_renew(const CurrentSource& current, const renewal::PairIds& ids) {
    renewal::Ways ways;
    ways.issue = [this, current, ids](std::string certificate, std::string key, const Chain&) {
        return make(current(), ids, std::move(certificate), std::move(key));
    };
    // Nobody can be asked whether an authority works.
    ways.prove = [](Chain, std::string) -> Task<Result<>> { co_return Result<>{}; };
    return ways;
}

}  // namespace muster::edge::certd
