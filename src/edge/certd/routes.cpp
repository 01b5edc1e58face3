#include "edge/certd/routes.h"

#include "base/log.h"
#include "base/text.h"
#include "edge/certd/issuance.h"
#include "edge/keyd/remote_key.h"
#include "edge/service/daemon.h"

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

std::unexpected<Error> later(const std::string& id, std::string_view method) {
    return fail(Error(Errc::unsupported, fmt::format("certificate \"{}\" is to be issued by method \"{}\", which comes "
                                                     "with a later version",
                                                     printable(id), method))
                    .with_hint("use method = \"self_signed\" or a certificate from a file in /etc/aziot/config.toml"));
}

}  // namespace

Certificates::Certificates(Settings settings, keyd::Client keys, const Clock& clock, Random& random)
    : keys_(std::move(keys)), clock_(clock), random_(random) {
    set_settings(std::move(settings));
}

void Certificates::set_settings(Settings settings) {
    CertificateFiles files(settings.home, settings.preloaded);
    auto fresh = std::make_shared<const Current>(std::move(settings), std::move(files));
    const std::lock_guard lock(mutex_);
    current_ = std::move(fresh);
}

std::shared_ptr<const Certificates::Current> Certificates::current() const {
    const std::lock_guard lock(mutex_);
    return current_;
}

Result<std::string> Certificates::sign_by_itself(const Issuance& issuance, const std::string& id,
                                                 const pki::Csr& csr) const {
    auto handle = keys_.load_pair_blocking(id);
    if (!handle)
        return fail(handle.error().wrap(fmt::format("cannot use the key pair \"{}\" for its own certificate", id)));
    MUSTER_TRY(const auto key, keyd::remote_key(keys_, *handle));
    const IssueOptions options{issuance.subject, issuance.expiry_days, clock_.now()};
    MUSTER_TRY(const auto certificate, issue_from_request(csr, options, {std::nullopt, key}, random_));
    return certificate.pem();
}

Result<std::string> Certificates::sign_by_issuer(const Current& now, const json::object& issuer,
                                                 const pki::Csr& csr) const {
    MUSTER_TRY(const auto issuer_id, required_string(issuer, "certId"));
    MUSTER_TRY(const auto handle, required_string(issuer, "privateKeyHandle"));
    MUSTER_TRY(const auto issuer_pem, now.files.load(issuer_id));
    MUSTER_TRY(const auto chain, pki::parse_chain(issuer_pem));
    MUSTER_TRY(const auto key, keyd::remote_key(keys_, handle));
    const IssueOptions options{std::nullopt, 30, clock_.now()};
    MUSTER_TRY(const auto certificate, issue_from_request(csr, options, {chain.front(), key}, random_));
    return certificate.pem() + pki::to_pem(chain);
}

Result<std::string> Certificates::sign_as(const Current& now, const Call& call, const pki::Csr& csr) const {
    MUSTER_TRY(const auto* issuer, optional_object(call.body, "issuer"));
    if (issuer != nullptr) return sign_by_issuer(now, *issuer, csr);
    const auto id = call.text("certId");
    const auto at = now.settings.issuance.find(id);
    if (at == now.settings.issuance.end())
        return fail(Errc::invalid_argument,
                    "no issuer for the certificate \"{}\": neither in the request nor as "
                    "cert_issuance.\"{}\" in certd's settings",
                    printable(id), printable(id));
    switch (at->second.method) {
        case Method::self_signed: return sign_by_itself(at->second, id, csr);
        case Method::local_ca: return later(id, "local_ca");
        case Method::est: break;
    }
    return later(id, "est");
}

Result<std::string> Certificates::create(const Call& call) const {
    const auto now = current();
    const auto id = call.text("certId");
    MUSTER_CHECK(check_id(id));
    MUSTER_CHECK(now->settings.principals.check(call.uid, id, "issue the certificate"));
    auto csr = pki::Csr::from_pem(call.text("csr"));
    if (!csr) return fail(csr.error().wrap(Errc::invalid_argument, "parameter \"csr\" has an invalid value"));
    MUSTER_TRY(auto pem, sign_as(*now, call, *csr));
    MUSTER_CHECK(now->files.put(id, pem));
    log::info("certificate issued", {{"certId", printable(id)}});
    return pem;
}

Result<std::string> Certificates::import(uid_t uid, const std::string& id, const std::string& pem) const {
    const auto now = current();
    MUSTER_CHECK(check_id(id));
    MUSTER_CHECK(now->settings.principals.check(uid, id, "import the certificate"));
    if (auto chain = pki::parse_chain(pem); !chain)
        return fail(chain.error().wrap(Errc::invalid_argument, "parameter \"pem\" has an invalid value"));
    MUSTER_CHECK(now->files.put(id, pem));
    log::info("certificate imported", {{"certId", printable(id)}});
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

std::unique_ptr<Router> make_router(Certificates& certificates, boost::asio::io_context& worker,
                                    Admission::Limits limits) {
    // Runs a route's work on the worker: it reads disks and waits for keyd's signatures.
    const auto blocking = [&certificates, &worker](Result<Reply> (*work)(Certificates&, const Call&)) -> RouteHandler {
        return [&certificates, &worker, work](Call call) -> Task<Result<Reply>> {
            co_return co_await run_on(
                worker, [&certificates, work, call = std::move(call)] { return work(certificates, call); });
        };
    };
    const auto create = [](Certificates& all, const Call& call) -> Result<Reply> {
        return reply_with(all.create(call), created);
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
        {"POST", "/certificates", api_version, request, blocking(create)},
        {"PUT", "/certificates/{}", api_version, {{"pem"}}, blocking(import)},
        {"GET", "/certificates/{}", api_version, {}, blocking(load)},
        {"DELETE", "/certificates/{}", api_version, {}, blocking(remove)},
    };
    return std::make_unique<Router>(std::vector{api_version}, std::move(routes), usual_status, limits);
}

}  // namespace muster::edge::certd
