// Requests to the EST server: paths, HTTP Basic, certificate requests.
//
// The first line is "PATH AUTHORIZATION", the rest the body. Each is sent by a stranger with that Authorization header
// and by a device with a bootstrap certificate. No one may cause an internal error, and whoever gets a certificate gets
// one for its own key: for its own name, or an edge CA's.
// rooms: base pki net access store hub authority provisioning endpoints
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "access/policies.h"
#include "base/log.h"
#include "endpoints/https.h"
#include "net/reactor.h"
#include "pki/issue.h"
#include "pki/pkcs7.h"
#include "scratch.h"
#include "store/sqlite_driver.h"

namespace {

using namespace muster;
using fuzz::Directory;
using fuzz::must;

[[noreturn]] void broken(std::string_view rule, const net::HttpResponse& response) {
    fmt::print(stderr, "{}: {} {}\n", rule, response.status, response.body);
    std::abort();
}

class Musterd {
public:
    Musterd() {
        log::set_level(log::Level::error);
        authority_.on_change([this] { return groups_.refresh(); });
        must(net::run_blocking(authority_.create({.name = "Fuzz"}, false, {})));
        const auto key = must(pki::PrivateKey::generate({}));
        const auto factory = issue("Factory", pki::Profile::root_ca, key, nullptr);
        const auto leaf_key = must(pki::PrivateKey::generate({}));
        const pki::Issuer issuer{factory, key};
        device_.chain.push_back(issue("dev1", pki::Profile::client, leaf_key, &issuer));
        device_.tls = true;
        must(store_->transact_now([&](store::Tx& tx) {
            return tx.enrollment_groups().put(
                {.id = "plant",
                 .etag = "e",
                 .body = R"({"attestation":{"type":"x509"},"provisioningStatus":"enabled","edgeCaIssuance":true})",
                 .primary_certificate = factory.der()});
        }));
        must(net::run_blocking(groups_.refresh()));
    }

    void look(std::string target, std::string_view authorization, std::string_view body) {
        for (const auto* peer : {&stranger_, &device_}) {
            for (const auto* method : {"POST", "GET"}) {
                net::HttpRequest request{.method = method, .target = target, .headers = {}, .body = std::string(body)};
                request.headers.add("Content-Type", "application/pkcs10");
                if (!authorization.empty()) request.headers.add("Authorization", std::string(authorization));
                check(net::run_blocking(handler_(request, *peer)), *peer, method, body);
            }
        }
    }

private:
    pki::Certificate issue(std::string name, pki::Profile profile, const pki::PrivateKey& key,
                           const pki::Issuer* issuer) {
        return must(pki::issue({.profile = profile,
                                .common_name = std::move(name),
                                .not_before = clock_.now() - std::chrono::hours(1),
                                .not_after = clock_.now() + std::chrono::hours(24)},
                               must(key.public_key()), issuer, issuer == nullptr ? &key : nullptr, random_));
    }

    void check(const net::HttpResponse& response, const net::Peer& peer, std::string_view method,
               std::string_view body) {
        constexpr int not_implemented = 501;
        if (response.status < 200 || (response.status >= 500 && response.status != not_implemented))
            broken("no request causes an internal error", response);
        if (response.status != 200 || method != "POST") return;
        const auto certificates = pki::certificates_from_pkcs7_text(response.body);
        if (!certificates || certificates->size() != 1) broken("an answer holds one certificate", response);
        const auto& leaf = certificates->front();
        if (peer.chain.empty()) broken("a stranger gets no certificate", response);
        const auto asked = authority::read_certificate_request(body, authority::Wanted::device_or_edge_ca);
        if (!asked || !(must(leaf.public_key()) == asked->key)) broken("it is for its own key", response);
        if (leaf.is_ca() != asked->for_edge_ca) broken("it is a CA's for who asked for that alone", response);
        if (leaf.is_ca() && leaf.path_length() != 0) broken("an edge CA has no CA below it", response);
        if (!leaf.is_ca() && to_lower(leaf.common_name()) != "dev1")
            broken("a device gets one for its own name", response);
        // So that the next ones are not too many for one device.
        must(store_->transact_now([](store::Tx& tx) -> Result<> {
            MUSTER_CHECK(tx.issued_certificates().erase_ended(TimePoint::max()));
            return {};
        }));
    }

    static std::string to_lower(std::string text) {
        for (auto& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        return text;
    }

    ManualClock clock_{std::chrono::sys_days(std::chrono::year(2026) / 11 / 24)};
    SeededRandom random_{1};
    Directory directory_;
    access::PolicyBook policies_{access::Policies::generate(random_),
                                 [](const access::Policies&) -> Result<> { return {}; }};
    std::unique_ptr<store::Store> store_ =
        must(store::Store::open(must(store::SqliteDriver::open(directory_.path / "muster.db"))));
    metrics::Metrics metrics_;
    provisioning::Groups groups_{*store_};
    provisioning::Registrations registrations_{*store_, groups_,  clock_,
                                               random_, metrics_, {"0ne1", "localhost", Secret(Bytes(32, 1))}};
    provisioning::Enrollments enrollments_{*store_, groups_, clock_, random_, {"localhost"}};
    provisioning::CaCertificates ca_certificates_{*store_, groups_, clock_, random_};
    hub::Registry registry_{*store_, clock_, random_};
    provisioning::Events events_{*store_};
    provisioning::Refusals refusals_{*store_, clock_};
    provisioning::Throttle throttle_{{}, random_};
    authority::Authority authority_{*store_, clock_, random_, directory_.path / "authority", {}};
    authority::Certificates certificates_{*store_, authority_, clock_};
    authority::Passwords passwords_{*store_, clock_, random_};
    provisioning::CertificateEnrolment enrolment_{*store_, groups_, authority_, clock_};
    endpoints::AuthorityServices authority_services_{authority_, certificates_, passwords_, enrolment_};
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
                                  .host_name = "localhost",
                                  .names = {"localhost"},
                                  .scope = "0ne1",
                                  .started = clock_.now(),
                                  .authority = &authority_services_};
    net::HttpHandler handler_ = endpoints::https_handler(services_);
    net::Peer device_;
    net::Peer stranger_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Musterd musterd;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto line = text.substr(0, text.find('\n'));
    const auto space = std::min(line.find(' '), line.size());
    const auto body = text.substr(std::min(line.size() + 1, text.size()));
    musterd.look("/.well-known/est/" + std::string(line.substr(0, space)),
                 line.substr(std::min(space + 1, line.size())), body);
    return 0;
}
