#include "edge/certd/routes.h"

#include "base/log.h"
#include "base/text.h"
#include "edge/certd/issuance.h"
#include "edge/keyd/remote_key.h"
#include "edge/service/daemon.h"
#include "pki/csr_view.h"

namespace muster::edge::certd {
namespace {

constexpr std::string_view api_version = "2020-09-01";
constexpr std::size_t largest_id = 1024;

Result<> check_id(const std::string& id) {
    if (!id.empty() && id.size() <= largest_id && id.find('\0') == std::string::npos) return {};
    return fail(Errc::invalid_argument, "parameter \"id\" has an invalid value: an id has 1 to {} characters",
                largest_id);
}

Reply created(std::string pem) {
    return {201, json::object{{"pem", std::move(pem)}}};
}

Reply found(std::string pem) {
    return {200, json::object{{"pem", std::move(pem)}}};
}

}  // namespace

Certificates::Certificates(Settings settings, keyd::Client keys, const Clock& clock, Random& random,
                           boost::asio::io_context& issuing)
    : keys_(std::move(keys)),
      clock_(clock),
      random_(random),
      est_(keys_, threads_, clock),
      local_ca_(keys_, threads_, est_, clock, random),
      edge_ca_(keys_, threads_, est_,
               [this](CurrentPtr now, std::string id, pki::Csr request) {
                   return issue(std::move(now), std::move(id), std::move(request));
               }),
      keepers_([this] { return current(); }, keys_, est_, local_ca_, edge_ca_, clock, random, issuing) {
    CertificateFiles files(settings.home, settings.preloaded);
    current_ = std::make_shared<const Current>(std::move(settings), std::move(files));
    est_.on_new_identity([this] { keepers_.look(); });
    local_ca_.on_new_authority([this] { keepers_.look(); });
}

void Certificates::set_settings(Settings settings) {
    CertificateFiles files(settings.home, settings.preloaded);
    auto fresh = std::make_shared<const Current>(std::move(settings), std::move(files));
    {
        const std::lock_guard lock(mutex_);
        current_ = std::move(fresh);
    }
    keepers_.look();
}

CurrentPtr Certificates::current() const {
    const std::lock_guard lock(mutex_);
    return current_;
}

// The key pair of the id; a certificate that is renewed without a new key ("device-id-temp") is of the older id's.
Result<pki::PrivateKey> Certificates::key_of_request(const std::string& id, const pki::Csr& csr) const {
    MUSTER_TRY(const auto wanted, csr.public_key());
    std::optional<Error> missing;
    const std::vector<std::string> ids{id, std::string(without_temp(id))};
    for (const auto& candidate : ids) {
        const auto handle = keys_.load_pair_blocking(candidate);
        if (!handle) {
            if (!missing) missing = handle.error();
            continue;
        }
        MUSTER_TRY(auto key, keyd::remote_key(keys_, *handle));
        MUSTER_TRY(const auto half, key.public_key());
        if (half == wanted) return key;
    }
    if (missing) return fail(missing->wrap(fmt::format("cannot use the key pair \"{}\" for its own certificate", id)));
    return fail(Errc::invalid_argument, "a self-signed certificate needs a request made with its own key pair, \"{}\"",
                id);
}

Result<pki::CertificateChain> Certificates::sign_by_itself(const Issuance& issuance, const std::string& id,
                                                           const pki::Csr& csr) const {
    MUSTER_TRY(const auto key, key_of_request(id, csr));
    const IssueOptions options{issuance.subject, issuance.expiry_days, clock_.now()};
    MUSTER_TRY(auto certificate, issue_from_request(csr, options, {std::nullopt, key}, random_));
    return Chain{std::move(certificate)};
}

Result<pki::CertificateChain> Certificates::sign_by_issuer(const Current& now, const json::object& issuer,
                                                           const pki::Csr& csr) const {
    MUSTER_TRY(const auto issuer_id, required_string(issuer, "certId"));
    MUSTER_TRY(const auto handle, required_string(issuer, "privateKeyHandle"));
    MUSTER_TRY(const auto issuer_pem, now.files.load(issuer_id));
    MUSTER_TRY(auto chain, pki::parse_chain(issuer_pem));
    MUSTER_TRY(const auto key, keyd::remote_key(keys_, handle));
    const IssueOptions options{std::nullopt, 30, clock_.now()};
    MUSTER_TRY(auto certificate, issue_from_request(csr, options, {chain.front(), key}, random_));
    chain.insert(chain.begin(), std::move(certificate));
    return chain;
}

Task<Result<pki::CertificateChain>> Certificates::issue_by_settings(CurrentPtr now, std::string id, pki::Csr csr) {
    const auto* issuance = now->settings.issuance_of(id);
    if (issuance == nullptr)
        co_return fail(Errc::invalid_argument,
                       "no issuer for the certificate \"{}\": neither in the request nor as "
                       "cert_issuance.\"{}\" in certd's settings",
                       printable(id), printable(id));
    switch (issuance->method) {
        case Method::self_signed: co_return co_await threads_.run([&] { return sign_by_itself(*issuance, id, csr); });
        case Method::local_ca: co_return co_await local_ca_.issue(std::move(now), std::move(id), std::move(csr));
        case Method::est: break;
    }
    co_return co_await est_.issue(std::move(now), std::move(id), std::move(csr));
}

// An EST server may leave out of a request what it will not give.
Task<Result<pki::CertificateChain>> Certificates::issue(CurrentPtr now, std::string id, pki::Csr csr) {
    const bool for_authority = pki::asks_for_authority(csr);
    MUSTER_CO_TRY(auto chain, co_await issue_by_settings(std::move(now), id, std::move(csr)));
    if (for_authority) MUSTER_CO_CHECK(check_authority(id, chain));
    co_return chain;
}

Task<Result<std::string>> Certificates::create(Call call) {
    const auto now = current();
    const auto id = call.text("certId");
    MUSTER_CO_CHECK(check_id(id));
    MUSTER_CO_CHECK(now->settings.principals.check(call.uid, id, "issue the certificate"));
    MUSTER_CO_CHECK(now->files.check_replaceable(id));
    auto csr = pki::Csr::from_pem(call.text("csr"));
    if (!csr) co_return fail(csr.error().wrap(Errc::invalid_argument, "parameter \"csr\" has an invalid value"));
    MUSTER_CO_TRY(const auto* issuer, optional_object(call.body, "issuer"));
    auto issued = issuer != nullptr ? co_await threads_.run([&] { return sign_by_issuer(*now, *issuer, *csr); })
                                    : co_await issue(now, id, std::move(*csr));
    MUSTER_CO_TRY(const auto chain, std::move(issued));
    auto pem = pki::to_pem(chain);
    MUSTER_CO_CHECK(now->files.put(id, pem));
    log::info("certificate issued", {{"certId", printable(id)}, {"subject", chain.front().subject()}});
    if (id == edge_ca_id) keepers_.look();
    co_return pem;
}

Task<Result<std::string>> Certificates::preferred_algorithms(Call call) {
    const auto now = current();
    const auto& id = call.ids[0];
    MUSTER_CO_CHECK(check_id(id));
    MUSTER_CO_CHECK(now->settings.principals.check(call.uid, id, "issue the certificate"));
    const auto* issuance = now->settings.issuance_of(id);
    if (issuance == nullptr || issuance->method != Method::est) co_return std::string();
    co_return co_await est_.preferred_key(now, id);
}

Result<std::string> Certificates::import(uid_t uid, const std::string& id, const std::string& pem) {
    const auto now = current();
    MUSTER_CHECK(check_id(id));
    MUSTER_CHECK(now->settings.principals.check(uid, id, "import the certificate"));
    if (auto chain = pki::parse_chain(pem); !chain)
        return fail(chain.error().wrap(Errc::invalid_argument, "parameter \"pem\" has an invalid value"));
    MUSTER_CHECK(now->files.put(id, pem));
    log::info("certificate imported", {{"certId", printable(id)}});
    if (id == edge_ca_id) keepers_.look();
    return pem;
}

Result<std::string> Certificates::load(const std::string& id) const {
    MUSTER_CHECK(check_id(id));
    return current()->files.load(id);
}

Result<> Certificates::remove(uid_t uid, const std::string& id) const {
    const auto now = current();
    MUSTER_CHECK(check_id(id));
    MUSTER_CHECK(now->settings.principals.check(uid, id, "delete the certificate"));
    MUSTER_CHECK(now->files.remove(id));
    log::info("certificate deleted", {{"certId", printable(id)}});
    return {};
}

std::unique_ptr<Router> make_router(Certificates& certificates, Loops loops, Admission::Limits limits) {
    // Runs a route's work on the worker: it reads and writes disks.
    const auto blocking = [&certificates,
                           &worker = loops.worker](Result<Reply> (*work)(Certificates&, const Call&)) -> RouteHandler {
        return [&certificates, &worker, work](Call call) -> Task<Result<Reply>> {
            co_return co_await run_on(
                worker, [&certificates, work, call = std::move(call)] { return work(certificates, call); });
        };
    };
    const auto create = [&certificates, &issuing = loops.issuing](Call call) -> Task<Result<Reply>> {
        co_return reply_with(co_await continue_on(issuing, certificates.create(std::move(call))), created);
    };
    const auto preferred = [&certificates, &issuing = loops.issuing](Call call) -> Task<Result<Reply>> {
        co_return reply_with(
            co_await continue_on(issuing, certificates.preferred_algorithms(std::move(call))),
            [](std::string list) { return Reply{200, json::object{{"preferredAlgorithms", std::move(list)}}}; });
    };
    const auto import = [](Certificates& all, const Call& call) -> Result<Reply> {
        return reply_with(all.import(call.uid, call.ids[0], call.text("pem")), created);
    };
    const auto load = [](Certificates& all, const Call& call) -> Result<Reply> {
        return reply_with(all.load(call.ids[0]), found);
    };
    const auto remove = [](Certificates& all, const Call& call) -> Result<Reply> {
        return reply_with(all.remove(call.uid, call.ids[0]), Reply::no_content);
    };
    const std::vector<Member> request{{"certId"}, {"csr"}, {"issuer", Member::Kind::object, false}};
    std::vector<Route> routes{
        {"POST", "/certificates", api_version, request, create},
        {"PUT", "/certificates/{}", api_version, {{"pem"}}, blocking(import)},
        {"GET", "/certificates/{}", api_version, {}, blocking(load)},
        // Ours: what kind of key the issuer wants to see in a request.
        {"GET", "/certificates/{}/preferredAlgorithms", api_version, {}, preferred},
        {"DELETE", "/certificates/{}", api_version, {}, blocking(remove)},
    };
    return std::make_unique<Router>(std::vector{api_version}, std::move(routes), usual_status, limits);
}

}  // namespace muster::edge::certd
