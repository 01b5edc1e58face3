// Requests to every API of musterd, its services and its store below: registrations, enrollments, devices, modules.
//
// The first line is "METHOD TARGET", the rest the body. Each is sent by nobody, by a device that an enrollment knows,
// and by an operator with every right. Nobody may get anything, no one may cause an internal error, and whatever is
// answered is JSON.
// rooms: base pki net access store hub provisioning endpoints
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "access/policies.h"
#include "base/log.h"
#include "endpoints/https.h"
#include "net/reactor.h"
#include "pki/issue.h"
#include "scratch.h"
#include "store/sqlite_driver.h"
#include "wire/sas.h"

namespace {

using namespace muster;
using fuzz::Directory;
using fuzz::must;

constexpr auto scope = "0ne00000001";
constexpr auto hub_name = "localhost";

[[noreturn]] void broken(std::string_view rule, std::string_view who, const net::HttpResponse& response) {
    fmt::print(stderr, "{}: {} got {} {}\n", rule, who, response.status, response.body);
    std::abort();
}

// Every hub and webhook is away.
class Nobody final : public provisioning::Outside {
public:
    Result<std::unique_ptr<provisioning::HubClient>> connect(const provisioning::LinkedHub& hub) override {
        return fail(Errc::unavailable, "{} is away", hub.name);
    }
    Task<Result<provisioning::WebhookReply>> ask_webhook(const std::string& url, std::string) override {
        co_return fail(Errc::unavailable, "{} is away", url);
    }
};

class NoFetcher final : public provisioning::CrlFetcher {
public:
    Task<Result<pki::RevocationList>> fetch(std::string url, std::string) override {
        co_return fail(Errc::unavailable, "{} is away", url);
    }
};

class Musterd {
public:
    Musterd() {
        registrations_.use_hubs(linked_hubs_, [](const std::string&) {});
        events_.stop();  // nobody waits for what does not come
        log::set_level(log::Level::error);
        must(groups_.load());
        const auto key = must(pki::PrivateKey::generate({}));
        device_.chain.push_back(must(pki::issue({.profile = pki::Profile::client,
                                                 .common_name = "dev1",
                                                 .not_before = clock_.now() - std::chrono::hours(1),
                                                 .not_after = clock_.now() + std::chrono::hours(24)},
                                                must(key.public_key()), nullptr, &key, random_)));
        device_.tls = true;
        const json::object enrollment{
            {"registrationId", "dev1"},
            {"capabilities", {{"iotEdge", true}}},
            {"attestation",
             {{"type", "x509"},
              {"x509", {{"clientCertificates", {{"primary", {{"certificate", device_.chain[0].pem()}}}}}}}}}};
        const auto put = call({.method = "PUT",
                               .target = "/enrollments/dev1?api-version=2021-10-01",
                               .headers = owner_headers(),
                               .body = json::serialize(enrollment)},
                              {});
        if (put.status != 200) broken("the enrollment is made", "the owner", put);
        const auto target = fmt::format("/{}/registrations/dev1/register?api-version=2021-06-01", scope);
        const auto registered = as_device("PUT", target, "");
        if (registered.status != 202) broken("the device registers", "the device", registered);
    }

    net::HttpResponse as_nobody(std::string_view method, std::string target, std::string_view body) {
        return call(
            {.method = std::string(method), .target = std::move(target), .headers = {}, .body = std::string(body)}, {});
    }
    net::HttpResponse as_device(std::string_view method, std::string target, std::string_view body) {
        return call(
            {.method = std::string(method), .target = std::move(target), .headers = {}, .body = std::string(body)},
            device_);
    }
    net::HttpResponse as_owner(std::string_view method, std::string target, std::string_view body,
                               std::string_view if_match) {
        return call({.method = std::string(method),
                     .target = std::move(target),
                     .headers = owner_headers(if_match),
                     .body = std::string(body)},
                    {});
    }

private:
    net::HttpResponse call(net::HttpRequest request, const net::Peer& peer) {
        return net::run_blocking(handler_(request, peer));
    }
    net::Headers owner_headers(std::string_view if_match = {}) {
        net::Headers headers;
        headers.add("Authorization", token_);
        if (!if_match.empty()) headers.add("If-Match", std::string(if_match));
        return headers;
    }

    ManualClock clock_{std::chrono::sys_days(std::chrono::year(2026) / 11 / 24)};
    SeededRandom random_{1};
    Directory directory_;
    // Kept nowhere: what the owner's calls change is gone with the process.
    access::PolicyBook policies_{access::Policies::generate(random_),
                                 [](const access::Policies&) -> Result<> { return {}; }};
    std::unique_ptr<store::Store> store_ =
        must(store::Store::open(must(store::SqliteDriver::open(directory_.path / "muster.db"))));
    metrics::Metrics metrics_;
    provisioning::Groups groups_{*store_};
    provisioning::Registrations registrations_{*store_, groups_,  clock_,
                                               random_, metrics_, {scope, hub_name, Secret(Bytes(32, 1))}};
    Nobody nobody_;
    provisioning::LinkedHubs linked_hubs_{*store_, clock_, random_, nobody_, hub_name};
    provisioning::Enrollments enrollments_{*store_, groups_, clock_, random_, {hub_name, &linked_hubs_}};
    provisioning::CaCertificates ca_certificates_{*store_, groups_, clock_, random_};
    NoFetcher fetcher_;
    provisioning::GroupCrls group_crls_{*store_, groups_, fetcher_, clock_};
    provisioning::TrustBundles trust_bundles_{*store_, clock_, random_};
    hub::Registry registry_{*store_, clock_, random_};
    provisioning::Events events_{*store_};
    provisioning::Refusals refusals_{*store_, clock_};
    provisioning::Throttle throttle_{{}, random_};
    endpoints::Services services_{.registrations = registrations_,
                                  .enrollments = enrollments_,
                                  .ca_certificates = ca_certificates_,
                                  .registry = registry_,
                                  .events = events_,
                                  .refusals = refusals_,
                                  .throttle = throttle_,
                                  .policies = policies_,
                                  .clock = clock_,
                                  .random = random_,
                                  .metrics = metrics_,
                                  .host_name = hub_name,
                                  .names = {hub_name},
                                  .scope = scope,
                                  .https = "127.0.0.1:443",
                                  .started = clock_.now(),
                                  .ca_pem = "the CA",
                                  .group_crls = &group_crls_,
                                  .linked_hubs = &linked_hubs_,
                                  .trust_bundles = &trust_bundles_};
    net::HttpHandler handler_ = endpoints::https_handler(services_);
    std::string token_ = wire::make_sas(hub_name, policies_.current()->find("owner")->primary_key.bytes(), "owner",
                                        clock_.now() + std::chrono::hours(1));
    net::Peer device_;
};

void check(std::string_view who, const net::HttpResponse& response) {
    if (response.status < 200 || response.status >= 500) broken("no request causes an internal error", who, response);
    if (response.headers.get("Content-Type").starts_with("application/json") && !parse_json(response.body)) {
        broken("what is answered is JSON", who, response);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Musterd musterd;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto line = text.substr(0, text.find('\n'));
    const auto space = line.find(' ');
    if (space == std::string_view::npos || space == 0) return 0;
    const auto method = line.substr(0, space);
    const std::string target(line.substr(space + 1));
    if (!target.starts_with('/')) return 0;
    const auto body = text.substr(std::min(line.size() + 1, text.size()));

    const auto refused = musterd.as_nobody(method, target, body);
    check("nobody", refused);
    if (refused.status < 400 && refused.body != "the CA") broken("nobody gets anything", "nobody", refused);
    check("the device", musterd.as_device(method, target, body));
    check("the owner", musterd.as_owner(method, target, body, ""));   // creates
    check("the owner", musterd.as_owner(method, target, body, "*"));  // changes
    return 0;
}
