// Certificates: in date, readable, and such as the service will take.
#include <set>

#include "edge/check/device.h"
#include "net/reactor.h"
#include "pki/path.h"

namespace muster::edge::checks {
namespace {

constexpr auto soon = std::chrono::days(7);

json::object dates_of(const pki::Certificate& certificate) {
    return {{"subject", certificate.subject()},
            {"notBefore", format_utc_seconds(certificate.not_before())},
            {"notAfter", format_utc_seconds(certificate.not_after())}};
}

Outcome dates(const std::string& id, const pki::Certificate& certificate, TimePoint now, std::string_view mend) {
    const auto name = fmt::format("the certificate \"{}\" ({})", id, certificate.subject());
    auto outcome = Outcome::ok();
    if (certificate.not_after() < now)
        outcome = Outcome::error(fmt::format("{} expired at {}", name, format_utc_seconds(certificate.not_after())),
                                 std::string(mend));
    else if (certificate.not_before() > now)
        outcome = Outcome::error(fmt::format("{} is not valid before {}; the clock says {}", name,
                                             format_utc_seconds(certificate.not_before()), format_utc_seconds(now)),
                                 "timedatectl status");
    else if (certificate.not_after() - now < soon)
        outcome = Outcome::warning(fmt::format("{} expires at {}", name, format_utc_seconds(certificate.not_after())),
                                   std::string(mend));
    outcome.more[id] = dates_of(certificate);
    return outcome;
}

// `may_be_absent`: one that is issued when it is needed.
Outcome expiry(Device& device, const std::string& id, bool may_be_absent, std::string_view mend) {
    const auto chain = device.certificate(id);
    if (chain) return dates(id, chain->front(), device.clock.now(), mend);
    if (may_be_absent && chain.error().code() != Errc::unavailable) return Outcome::ok();
    return Outcome::failed(chain.error().wrap(fmt::format("the certificate \"{}\" cannot be read", id)));
}

bool is_issued(Device& device) {
    const auto* x509 = std::get_if<identityd::X509Settings>(&device.identityd()->credential);
    return x509 != nullptr && x509->issued.has_value();
}

Outcome identity_expiry(Device& device) {
    if (!device.identityd()) return needs("identityd's configuration");
    const auto id = device.identity_certificate();
    if (!id) return Outcome::ignored("the device's identity is no certificate");
    const bool issued = is_issued(device);
    return expiry(device, *id, false,
                  issued ? "look why it is not renewed: iotedge system logs"
                         : "have a new one issued, put it in the file's place, then run: iotedge config apply");
}

std::set<std::string> est_certificates(const certd::Settings& settings) {
    std::set<std::string> ids;
    const auto add = [&](const certd::EstAuth& auth) {
        if (auth.identity) ids.insert(auth.identity->certificate);
        if (auth.bootstrap) ids.insert(auth.bootstrap->certificate);
    };
    add(settings.est.auth);
    for (const auto& [id, issuance] : settings.issuance) add(issuance.auth);
    return ids;
}

Outcome est_expiry(Device& device) {
    const auto& settings = device.certd();
    if (!settings) return needs("certd's configuration");
    const auto ids = est_certificates(*settings);
    if (ids.empty()) return Outcome::ignored("no certificate is used to sign in at an EST server");
    auto all = Outcome::ok();
    for (const auto& id : ids) {
        auto one = expiry(device, id, !settings->preloaded.contains(id), "have a new one issued");
        for (auto& [name, value] : one.more) all.more[name] = value;
        all.add(std::move(one));
    }
    return all;
}

Outcome local_ca_expiry(Device& device) {
    const auto& settings = device.certd();
    if (!settings) return needs("certd's configuration");
    if (!settings->local_ca) return Outcome::ignored("the device has no authority of its own");
    const auto& id = settings->local_ca->certificate;
    return expiry(device, id, !settings->preloaded.contains(id), "have a new one issued");
}

// The container runtime has one issued when it first needs it.
Outcome edge_ca_expiry(Device& device) {
    const auto& settings = device.certd();
    if (!settings) return needs("certd's configuration");
    const std::string id("aziot-edged-ca");
    const bool given = settings->preloaded.contains(id);
    return expiry(device, id, !given,
                  given ? "put a new one in the file's place, then run: iotedge config apply"
                        : "look why it is not renewed: iotedge system logs");
}

// What DPS will say of the chain: the same judgement, ending at the highest certificate that the device presents, since
// which authorities are enrolled only the service knows.
Outcome chain_as_the_service_judges(Device& device) {
    const auto id = device.identity_certificate();
    if (!device.identityd()) return needs("identityd's configuration");
    if (!id) return Outcome::ignored("the device's identity is no certificate");
    const auto chain = device.certificate(*id);
    if (!chain) return Outcome::skipped("the identity certificate cannot be read");
    const auto& highest = chain->back();
    const auto anchors = [&](const pki::Certificate& subject) {
        const bool its_issuer = subject.issuer_der() == highest.subject_der();
        return its_issuer || chain->size() == 1 ? pki::CertificateChain{highest} : pki::CertificateChain{};
    };
    const pki::PathOptions options{device.clock.now()};
    const auto judged = pki::validate_client_path(*chain, anchors, options);
    auto outcome =
        judged.ok()
            ? Outcome::ok()
            : Outcome::error(fmt::format("the service would refuse the chain: {}", judged.explanation),
                             "have the device's certificate issued anew, or put the right intermediates behind it");
    json::array subjects;
    for (const auto& certificate : *chain) subjects.emplace_back(certificate.subject());
    outcome.more["presented"] = std::move(subjects);
    return outcome;
}

Outcome preloaded(Device& device) {
    const auto& settings = device.certd();
    if (!settings) return needs("certd's configuration");
    auto all = Outcome::ok();
    for (const auto& [id, entry] : settings->preloaded) {
        if (const auto* members = std::get_if<std::vector<std::string>>(&entry)) {
            for (const auto& member : *members)
                if (!settings->preloaded.contains(member) && !settings->issuance.contains(member) &&
                    member != "aziot-edged-ca")
                    all.add(Outcome::warning(
                        fmt::format("the list \"{}\" names \"{}\", which is no certificate", id, member)));
            continue;
        }
        const auto& path = std::get<std::filesystem::path>(entry);
        std::error_code error;
        if (!std::filesystem::is_regular_file(path, error))
            all.add(Outcome::error(fmt::format("the file {} of the certificate \"{}\" is not there", path.string(), id),
                                   "put it there, or correct /etc/aziot/config.toml and run: iotedge config apply"));
    }
    return all;
}

Outcome read_preloaded(Device& device) {
    const auto& settings = device.certd();
    if (!settings) return needs("certd's configuration");
    if (auto missing = misses(device, Service::certd)) return *std::move(missing);
    auto all = Outcome::ok();
    for (const auto& [id, entry] : settings->preloaded) {
        // A list may be empty for the time being: its members are issued when they are needed.
        if (std::holds_alternative<std::vector<std::string>>(entry)) continue;
        const auto pem = net::run_blocking(device.neighbours().certificates.load(id));
        const auto chain = pem ? pki::parse_chain(*pem) : fail(pem.error());
        if (!chain)
            all.add(Outcome::failed(
                chain.error().wrap(fmt::format("the certificate \"{}\" cannot be read from certd", id))));
    }
    return all;
}

Outcome est_over_https(Device& device) {
    const auto& settings = device.certd();
    if (!settings) return needs("certd's configuration");
    auto all = Outcome::ok();
    const auto look = [&](const std::string& id, const std::string& url) {
        if (!url.starts_with("https://"))
            all.add(Outcome::warning(fmt::format("the EST server of \"{}\" is not addressed with https", id),
                                     "correct [cert_issuance.est.urls] in /etc/aziot/config.toml"));
    };
    for (const auto& [id, url] : settings->est.urls) look(id, url);
    for (const auto& [id, issuance] : settings->issuance)
        if (issuance.url) look(id, *issuance.url);
    return all;
}

}  // namespace

std::vector<Check> certificate_checks() {
    return {
        {"identity-certificate-expiry", "production readiness: identity certificates expiry", identity_expiry},
        {"est-identity-and-bootstrap-certificate-expiry",
         "production readiness: EST identity and bootstrap certificates expiry", est_expiry},
        {"local-ca-certificate-expiry", "production readiness: local CA certificate expiry", local_ca_expiry},
        {"edge-ca-certificate-expiry", "production readiness: edge CA certificate expiry", edge_ca_expiry},
        {"identity-certificate-chain", "identity certificate chain is one that DPS accepts",
         chain_as_the_service_judges},
        {"certs-preloaded", "preloaded certificates are valid", preloaded},
        {"certs-read", "read all preloaded certificates from the Certificates Service", read_preloaded},
        {"est-server-https", "ensure all EST server URLs use https", est_over_https},
    };
}

}  // namespace muster::edge::checks
