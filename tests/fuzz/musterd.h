// A musterd within a fuzz target: its services and its store, on a clock that stands still. Hubs, webhooks and
// revocation lists elsewhere are away.
#pragma once

#include <memory>
#include <string>

#include "access/policies.h"
#include "base/log.h"
#include "endpoints/https.h"
#include "net/reactor.h"
#include "pki/issue.h"
#include "scratch.h"
#include "store/sqlite_driver.h"

namespace muster::fuzz {

class NoOutside final : public provisioning::Outside {
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

struct Musterd {
    static constexpr auto scope = "0ne00000001";
    static constexpr auto hub_name = "localhost";

    Musterd() {
        registrations.use_hubs(linked_hubs, [](const std::string&) {});
        events.stop();  // nobody waits for what does not come
        log::set_level(log::Level::error);
        must(groups.load());
    }

    // Good for a day; self-signed without an issuer.
    pki::Certificate issue(std::string name, pki::Profile profile, const pki::PrivateKey& key,
                           const pki::Issuer* issuer) {
        return must(pki::issue({.profile = profile,
                                .common_name = std::move(name),
                                .not_before = clock.now() - std::chrono::hours(1),
                                .not_after = clock.now() + std::chrono::hours(24)},
                               must(key.public_key()), issuer, issuer == nullptr ? &key : nullptr, random));
    }

    ManualClock clock{std::chrono::sys_days(std::chrono::year(2026) / 11 / 24)};
    SeededRandom random{1};
    Directory directory;
    // Kept nowhere: what the owner's calls change is gone with the process.
    access::PolicyBook policies{access::Policies::generate(random),
                                [](const access::Policies&) -> Result<> { return {}; }};
    std::unique_ptr<store::Store> store =
        must(store::Store::open(must(store::SqliteDriver::open(directory.path / "muster.db"))));
    metrics::Metrics metrics;
    provisioning::Groups groups{*store};
    provisioning::Registrations registrations{*store, groups,  clock,
                                              random, metrics, {scope, hub_name, Secret(Bytes(32, 1))}};
    NoOutside outside;
    provisioning::LinkedHubs linked_hubs{*store, clock, random, outside, hub_name};
    provisioning::Enrollments enrollments{*store, groups, clock, random, {hub_name, &linked_hubs}};
    provisioning::CaCertificates ca_certificates{*store, groups, clock, random};
    NoFetcher fetcher;
    provisioning::GroupCrls group_crls{*store, groups, fetcher, clock};
    provisioning::TrustBundles trust_bundles{*store, clock, random};
    hub::Registry registry{*store, clock, random};
    provisioning::Events events{*store};
    provisioning::Refusals refusals{*store, clock};
    provisioning::Throttle throttle{{}, random};
    endpoints::Services services{.registrations = registrations,
                                 .enrollments = enrollments,
                                 .ca_certificates = ca_certificates,
                                 .registry = registry,
                                 .events = events,
                                 .refusals = refusals,
                                 .throttle = throttle,
                                 .policies = policies,
                                 .clock = clock,
                                 .random = random,
                                 .metrics = metrics,
                                 .host_name = hub_name,
                                 .names = {hub_name},
                                 .scope = scope,
                                 .https = "127.0.0.1:443",
                                 .started = clock.now(),
                                 .ca_pem = "the CA",
                                 .group_crls = &group_crls,
                                 .linked_hubs = &linked_hubs,
                                 .trust_bundles = &trust_bundles};
};

}  // namespace muster::fuzz
