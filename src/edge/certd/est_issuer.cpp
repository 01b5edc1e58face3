#include "edge/certd/est_issuer.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "pki/csr_view.h"
#include "pki/subject.h"

namespace muster::edge::certd {
namespace {

using Steady = std::chrono::steady_clock;
constexpr std::chrono::seconds longest_wait = std::chrono::hours(1);        // whatever a server asks for
constexpr std::string_view device_id = "device-id";                         // of the certificate and its key
constexpr std::string_view identity_key_preference = "ec-p256:rsa-4096:*";  // facts/device.md 5.2

// The server does not serve this request with this credential; another way may do.
bool another_way_may_do(const Error& error) {
    return error.code() == Errc::unauthorized || error.code() == Errc::unsupported || error.code() == Errc::conflict;
}

std::vector<std::pair<std::string, std::string>> identity_extensions() {
    return {{"extendedKeyUsage", "clientAuth"}};
}

// What of a request's needs is not met is said before the server refuses it for reasons of its own words.
Task<CsrAttributes> wanted_by(EstClient& client) {
    const auto wanted = co_await client.csr_attributes();
    if (wanted) co_return *wanted;
    log::info("the EST server's wishes (csrattrs) are not known", {{"reason", wanted.error().chain()}});
    co_return CsrAttributes{};
}

}  // namespace

// An enrolment that is under way.
struct EstIssuer::Flight {
    Flight(pki::PublicKey of, const boost::asio::any_io_executor& executor)
        : key(std::move(of)), landed(executor, boost::asio::steady_timer::time_point::max()) {}

    pki::PublicKey key;
    boost::asio::steady_timer landed;  // ends when there is a result
    Result<Chain> result = fail(Errc::unavailable, "the enrolment was broken off");
};

// However it ends, nobody is left waiting.
struct EstIssuer::Landing {
    std::map<std::string, std::shared_ptr<Flight>>& flights;
    std::string id;
    std::shared_ptr<Flight> flight;

    ~Landing() {
        const auto own = flights.find(id);
        if (own != flights.end() && own->second == flight) flights.erase(own);
        flight->landed.cancel();
    }
};

EstIssuer::EstIssuer(keyd::Client keys, KeyThreads& threads, const Clock& clock, EstClient::Pace pace)
    : keys_(std::move(keys)),
      threads_(threads),
      clock_(clock),
      pace_(pace),
      one_bootstrap_({1, 16, std::chrono::seconds(45)}) {}

Result<std::unique_ptr<EstClient>> EstIssuer::client_for(const Current& now, const std::string& url,
                                                         EstCredential credential) const {
    EstServer server;
    server.url = url;
    for (const auto& id : now.settings.est.trusted_certs) {
        auto pem = now.files.load(id);
        if (!pem) return fail(pem.error().wrap("an authority of [cert_issuance.est] trusted_certs cannot be read"));
        server.trusted_pem.push_back(std::move(*pem));
    }
    if (now.settings.proxy.authorities) {
        auto pem = read_file(*now.settings.proxy.authorities);
        if (!pem) return fail(pem.error().wrap("the proxy's authority cannot be read"));
        server.trusted_pem.push_back(std::move(*pem));
    }
    server.proxy = now.settings.proxy.rules;
    return EstClient::create(std::move(server), std::move(credential), pace_);
}

Task<Result<EstCredential>> EstIssuer::credential_of(CurrentPtr now, renewal::PairIds ids, std::string_view what) {
    Pairs pairs(now->files, keys_);
    MUSTER_CO_TRY(auto chain, co_await renewal::settle(pairs, ids));
    if (!chain) {
        // Which of the two is missing, in the words of the one who misses it.
        MUSTER_CO_CHECK(now->files.load(ids.certificate));
        MUSTER_CO_CHECK(co_await pairs.use_key(ids.key));
        co_return fail(Errc::conflict, "the key \"{}\" is not of {} \"{}\"", ids.key, what, ids.certificate);
    }
    MUSTER_CO_TRY(const auto key, co_await pairs.use_key(ids.key));
    co_return EstCredential{{}, {}, std::move(*chain), pki::share(key.get())};
}

Task<Result<pki::CertificateChain>> EstIssuer::enroll_with(EstClient& client, const Access& access,
                                                           const pki::Csr& request) {
    auto authorities = co_await client.ca_certificates();
    if (!authorities) {
        // Only a part of the chain would be missing; but a server that cannot be reached, or trusted, is no server.
        if (authorities.error().code() != Errc::conflict && authorities.error().code() != Errc::unsupported)
            co_return fail(std::move(authorities).error());
        log::warn("the EST server's authorities are not known", {{"reason", authorities.error().chain()}});
        authorities = Chain();
    }
    const auto wanted = co_await wanted_by(client);
    const auto lacks = lacking(wanted, request);
    if (!lacks.empty()) log::info("the EST server asks for more than is in this request", {{"wants", lacks}});
    auto issued = co_await client.enroll(access.operation, request.der());
    if (!issued && !lacks.empty() && issued.error().code() == Errc::conflict)
        co_return fail(issued.error().wrap(fmt::format("the server wants {} in the request", lacks)));
    if (!issued) co_return fail(std::move(issued).error());
    MUSTER_CO_TRY(const auto key, request.public_key());
    co_return arrange(*issued, *authorities, key);
}

Task<Result<pki::CertificateChain>> EstIssuer::enroll(CurrentPtr now, std::string url, Access access,
                                                      const pki::Csr& request) {
    MUSTER_CO_TRY(const auto client, client_for(*now, url, std::move(access.credential)));
    auto chain = co_await threads_.follow(enroll_with(*client, access, request));
    if (chain) co_return std::move(chain);
    if (client->wish() > std::chrono::seconds(0)) wishes_[access.asker] = client->wish();
    co_return fail(chain.error().wrap(fmt::format("EST at {}, signed in with {}", url, access.what)));
}

// The certificate that the request is to follow, when it is there, in date, of the same subject, and its key is there.
Task<std::optional<EstCredential>> EstIssuer::predecessor(CurrentPtr now, std::string id, const pki::Csr& request) {
    const renewal::PairIds ids{std::string(without_temp(id)), std::string(without_temp(id))};
    Pairs pairs(now->files, keys_);
    const auto chain = co_await pairs.certificate(ids.certificate);
    if (!chain || !*chain) co_return std::nullopt;
    const auto& leaf = (*chain)->front();
    if (clock_.now() > leaf.not_after() || !pki::same_subject(leaf, request)) co_return std::nullopt;
    auto credential = co_await credential_of(now, ids, "the certificate");
    if (credential) co_return std::move(*credential);
    log::info("the certificate cannot sign in for its own renewal",
              {{"certId", ids.certificate}, {"reason", credential.error().chain()}});
    co_return std::nullopt;
}

Task<Result<pki::CertificateChain>> EstIssuer::bootstrap(CurrentPtr now, EstTarget target, std::string asker,
                                                         const pki::Csr& request) {
    const auto ids = *target.auth.identity;
    auto credential = co_await credential_of(now, *target.auth.bootstrap, "the bootstrap certificate");
    if (!credential)
        co_return fail(credential.error().wrap(
            fmt::format("no EST certificate \"{}\", and none to get it with", ids.certificate)));
    if (const auto end = credential->chain.front().not_after(); clock_.now() > end)
        co_return fail(Errc::conflict, "the bootstrap certificate \"{}\" expired on {}",
                       target.auth.bootstrap->certificate, format_utc_seconds(end));
    credential->username = target.auth.username;
    credential->password = target.auth.password;
    const auto at = now->settings.est.urls.find(ids.certificate);
    const auto url = at != now->settings.est.urls.end() ? at->second : target.url;
    const auto* own = now->settings.issuance_of(ids.certificate);
    // A device signs in with its own name, whatever it calls its authorities.
    const auto named =
        pki::asks_for_authority(request) ? pki::subject_of(credential->chain.front()) : pki::subject_of(request);
    const auto subject = own != nullptr && own->subject ? *own->subject : named;

    Pairs pairs(now->files, keys_);
    MUSTER_CO_TRY(const auto key, co_await pairs.make_key(ids.key, std::string(identity_key_preference)));
    MUSTER_CO_TRY(const auto own_request,
                  co_await threads_.run([&] { return pki::Csr::create(key, subject, identity_extensions()); }));
    Access access{fmt::format("the bootstrap certificate \"{}\"", target.auth.bootstrap->certificate),
                  EstClient::Operation::enroll, std::move(*credential), std::move(asker)};
    auto chain = co_await enroll(now, url, std::move(access), own_request);
    if (!chain)
        co_return fail(chain.error().wrap(fmt::format("cannot get the EST certificate \"{}\"", ids.certificate)));
    MUSTER_CO_CHECK(co_await pairs.put_certificate(ids.certificate, *chain));
    log::info("EST certificate issued", {{"certId", ids.certificate}, {"subject", chain->front().subject()}});
    if (on_new_identity_) on_new_identity_();
    co_return std::move(chain);
}

Task<Result<EstCredential>> EstIssuer::identity(CurrentPtr now, EstTarget target, std::string asker,
                                                const pki::Csr& request) {
    const auto ids = *target.auth.identity;
    auto credential = co_await credential_of(now, ids, "the EST certificate");
    const bool in_date = credential && clock_.now() <= credential->chain.front().not_after();
    if (in_date || !target.auth.bootstrap) {
        if (credential && !in_date)
            log::warn(
                "the EST certificate has expired, or this machine's clock is wrong",
                {{"certId", ids.certificate}, {"notAfter", format_utc_seconds(credential->chain.front().not_after())}});
        co_return credential;
    }
    if (!co_await one_bootstrap_.enter(0))
        co_return fail(Errc::throttled, "the EST certificate \"{}\" is being got by another request", ids.certificate);
    const Turn turn{one_bootstrap_};
    // Another request may have got it meanwhile.
    credential = co_await credential_of(now, ids, "the EST certificate");
    if (!credential || clock_.now() > credential->chain.front().not_after()) {
        auto chain = co_await bootstrap(now, target, asker, request);
        credential = chain ? co_await credential_of(now, ids, "the EST certificate")
                           : Result<EstCredential>(fail(chain.error()));
    }
    co_return credential;
}

Task<Result<EstIssuer::Access>> EstIssuer::configured(CurrentPtr now, EstTarget target, std::string asker,
                                                      const pki::Csr& request) {
    const auto& auth = target.auth;
    if (!auth.any())
        co_return fail(
            Error(Errc::conflict, "nothing says how to sign in at the EST server")
                .with_hint("set username and password, or identity_cert and identity_pk, in "
                           "[cert_issuance.est.auth] of /etc/aziot/config.toml, then run: iotedge config apply"));
    Access access{fmt::format("the name \"{}\"", printable(auth.username)), EstClient::Operation::enroll, {}, asker};
    if (auth.identity) {
        MUSTER_CO_TRY(access.credential, co_await identity(now, target, asker, request));
        access.what = fmt::format("the EST certificate \"{}\"", auth.identity->certificate);
    }
    access.credential.username = auth.username;
    access.credential.password = auth.password;
    co_return access;
}

Task<Result<pki::CertificateChain>> EstIssuer::issue_unhurried(CurrentPtr now, std::string id,
                                                               const pki::Csr& request) {
    MUSTER_CO_TRY(auto target, est_target(now->settings, id));
    if (auto before = co_await predecessor(now, id, request)) {
        Access access{fmt::format("the certificate \"{}\" itself", without_temp(id)), EstClient::Operation::reenroll,
                      std::move(*before), id};
        auto chain = co_await enroll(now, target.url, std::move(access), request);
        if (chain || !another_way_may_do(chain.error()) || !target.auth.any()) co_return std::move(chain);
        log::info("the EST server does not renew this certificate by itself; asking for a new one",
                  {{"certId", printable(id)}, {"reason", chain.error().chain()}});
    }
    auto chain = co_await issue_as_configured(now, target, id, request);
    if (chain || !another_way_may_do(chain.error())) co_return std::move(chain);
    auto device = co_await device_identity(now, target.url, id);
    if (!device) co_return std::move(chain);
    log::info("the EST server has no use for what the settings say; signing in with the device's certificate",
              {{"certId", printable(id)}, {"reason", chain.error().chain()}});
    Access access{"the device's certificate", EstClient::Operation::enroll, std::move(*device), id};
    auto second = co_await enroll(now, target.url, std::move(access), request);
    if (second) co_return std::move(second);
    co_return fail(second.error().code(), "{}; and {}", chain.error().chain(), second.error().chain());
}

Task<Result<pki::CertificateChain>> EstIssuer::issue_as_configured(CurrentPtr now, EstTarget target, std::string id,
                                                                   const pki::Csr& request) {
    MUSTER_CO_TRY(auto access, co_await configured(now, target, std::move(id), request));
    co_return co_await enroll(now, target.url, std::move(access), request);
}

// The certificate that the device has from this server, for the sake of another one.
Task<std::optional<EstCredential>> EstIssuer::device_identity(CurrentPtr now, std::string url, std::string id) {
    const std::string device(device_id);
    const auto* issuance = now->settings.issuance_of(device);
    const bool is_another = without_temp(id) != device && issuance != nullptr && issuance->method == Method::est;
    if (!is_another) co_return std::nullopt;
    const auto issuer = est_target(now->settings, device);
    if (!issuer || origin_of(issuer->url) != origin_of(url)) co_return std::nullopt;
    auto credential = co_await credential_of(now, {device, device}, "the device's certificate");
    if (!credential || clock_.now() > credential->chain.front().not_after()) co_return std::nullopt;
    co_return std::move(*credential);
}

Task<Result<pki::CertificateChain>> EstIssuer::issue(CurrentPtr now, std::string id, pki::Csr request) {
    MUSTER_CO_TRY(auto key, request.public_key());
    const auto running = flights_.find(id);
    if (running != flights_.end() && running->second->key == key) {
        const auto flight = running->second;
        co_await flight->landed.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        co_return flight->result;
    }
    const auto flight = std::make_shared<Flight>(std::move(key), co_await boost::asio::this_coro::executor);
    flights_[id] = flight;
    const Landing landing{flights_, id, flight};
    flight->result = co_await issue_first(std::move(now), id, request);
    co_return flight->result;
}

Task<Result<pki::CertificateChain>> EstIssuer::issue_first(CurrentPtr now, std::string id, const pki::Csr& request) {
    if (const auto at = asked_to_wait_.find(id); at != asked_to_wait_.end()) {
        const auto left = std::chrono::ceil<std::chrono::seconds>(at->second - Steady::now());
        if (left.count() > 0)
            co_return fail(Errc::throttled,
                           "certificate \"{}\": the EST server has not decided yet, and is asked again in {} s",
                           printable(id), left.count());
        asked_to_wait_.erase(at);
    }
    wishes_.erase(id);
    auto chain = co_await issue_unhurried(now, id, request);
    const auto wish = take_wish(id);
    if (chain) co_return std::move(chain);
    if (chain.error().code() == Errc::throttled && wish && asked_to_wait_.size() < 64)
        asked_to_wait_[id] = Steady::now() + std::min(*wish, longest_wait);
    co_return fail(chain.error().wrap(fmt::format("certificate \"{}\" could not be issued", printable(id))));
}

std::optional<std::chrono::seconds> EstIssuer::take_wish(const std::string& id) {
    const auto found = wishes_.extract(id);
    return found ? std::optional(found.mapped()) : std::nullopt;
}

Task<std::string> EstIssuer::preferred_key(CurrentPtr now, std::string id) {
    const auto target = est_target(now->settings, id);
    if (!target) co_return std::string();
    const auto client = client_for(*now, target->url, {});
    if (!client) co_return std::string();
    const auto wanted = co_await wanted_by(**client);
    const auto first = edge::certd::preferred_key(wanted);
    co_return first ? fmt::format("{}:*", *first) : std::string();
}

// With the EST certificate itself, or, where the server will not have that, with the bootstrap certificate once more.
Task<Result<pki::CertificateChain>> EstIssuer::enroll_again(CurrentPtr now, renewal::PairIds ids,
                                                            const pki::Csr& request) {
    MUSTER_CO_TRY(const auto target, est_target_of_identity(now->settings, ids));
    MUSTER_CO_TRY(auto own, co_await credential_of(now, ids, "the EST certificate"));
    const bool in_date = clock_.now() <= own.chain.front().not_after();
    if (in_date) {
        Access access{fmt::format("the EST certificate \"{}\" itself", ids.certificate), EstClient::Operation::reenroll,
                      std::move(own), ids.certificate};
        auto chain = co_await enroll(now, target.url, std::move(access), request);
        if (chain || !another_way_may_do(chain.error()) || !target.auth.bootstrap) co_return std::move(chain);
        log::info("the EST server does not renew the EST certificate; asking for a new one",
                  {{"certId", ids.certificate}, {"reason", chain.error().chain()}});
    }
    if (!target.auth.bootstrap)
        co_return fail(Errc::conflict, "the EST certificate \"{}\" has expired, and there is none to get another with",
                       ids.certificate);
    MUSTER_CO_TRY(auto first, co_await credential_of(now, *target.auth.bootstrap, "the bootstrap certificate"));
    first.username = target.auth.username;
    first.password = target.auth.password;
    Access access{fmt::format("the bootstrap certificate \"{}\"", target.auth.bootstrap->certificate),
                  EstClient::Operation::enroll, std::move(first), ids.certificate};
    co_return co_await enroll(now, target.url, std::move(access), request);
}

Task<Result<pki::CertificateChain>> EstIssuer::renew_identity(CurrentPtr now, renewal::PairIds ids,
                                                              std::string certificate, std::string key_id, Chain old) {
    wishes_.erase(ids.certificate);
    Pairs pairs(now->files, keys_);
    MUSTER_CO_TRY(const auto key, co_await pairs.make_key(std::move(key_id), std::string(identity_key_preference)));
    MUSTER_CO_TRY(const auto request, co_await threads_.run([&] {
        return pki::Csr::create(key, pki::subject_of(old.front()), identity_extensions());
    }));
    MUSTER_CO_TRY(auto chain, co_await enroll_again(now, std::move(ids), request));
    MUSTER_CO_CHECK(co_await pairs.put_certificate(std::move(certificate), chain));
    co_return chain;
}

Task<Result<>> EstIssuer::prove_identity(CurrentPtr now, renewal::PairIds ids, Chain chain, std::string key_id) {
    Pairs pairs(now->files, keys_);
    MUSTER_CO_TRY(const auto target, est_target_of_identity(now->settings, ids));
    MUSTER_CO_TRY(const auto key, co_await pairs.use_key(std::move(key_id)));
    EstCredential credential{{}, {}, std::move(chain), pki::share(key.get())};
    MUSTER_CO_TRY(const auto client, client_for(*now, target.url, std::move(credential)));
    MUSTER_CO_CHECK(co_await threads_.follow(client->ca_certificates()));
    co_return Result<>{};
}

renewal::Ways EstIssuer::ways_to_renew(const CurrentSource& current, const renewal::PairIds& ids) {
    renewal::Ways ways;
    ways.issue = [this, current, ids](std::string certificate, std::string key, Chain old) {
        return renew_identity(current(), ids, std::move(certificate), std::move(key), std::move(old));
    };
    ways.prove = [this, current, ids](Chain chain, std::string key) {
        return prove_identity(current(), ids, std::move(chain), std::move(key));
    };
    return ways;
}

}  // namespace muster::edge::certd
