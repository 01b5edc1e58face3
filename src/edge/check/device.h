// What the checks look at: read once, when the first of them asks. Internal to this room.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "edge/certd/client.h"
#include "edge/certd/settings.h"
#include "edge/check/checks.h"
#include "edge/check/outcome.h"
#include "edge/identityd/settings.h"
#include "edge/keyd/client.h"
#include "edge/keyd/settings.h"
#include "net/http_client.h"
#include "pki/certificate.h"

namespace muster::edge::checks {

class Device {
public:
    Device(const Paths& paths, const Options& options, const Clock& clock)
        : paths(paths), options(options), clock(clock) {}

    const Paths& paths;
    const Options& options;
    const Clock& clock;

    // Each as the daemon itself would read it.
    const Result<keyd::Settings>& keyd();
    const Result<certd::Settings>& certd();
    const Result<identityd::Settings>& identityd();

    keyd::Client keys() const { return keyd::Client(paths.socket(Service::keyd)); }
    certd::Client certificates() const { return certd::Client(paths.socket(Service::certd)); }

    // A certificate as certd gives it; when certd does not run, as its file has it.
    Result<pki::CertificateChain> certificate(const std::string& id);
    // The id of the identity certificate; nothing when the device shows something else.
    std::optional<std::string> identity_certificate();

    // host[:port] of the hub: as asked for, as provisioned, as configured; nothing while it is not known.
    std::optional<std::string> hub();

    // What this device trusts, its proxy on the way to `host`, and the time that a check takes at most.
    Result<std::shared_ptr<net::HttpClient>> client(const std::string& host_and_port, bool through_proxy);

    // The service's answer to a request for nothing, asked for once: its Date tells the time.
    struct ServiceAnswer {
        std::string host;
        std::optional<TimePoint> date;
        TimePoint asked;
    };
    const Result<ServiceAnswer>& service_answer();

private:
    Result<ServiceAnswer> ask_service();
    std::optional<Result<keyd::Settings>> keyd_;
    std::optional<Result<certd::Settings>> certd_;
    std::optional<Result<identityd::Settings>> identityd_;
    std::optional<Result<ServiceAnswer>> answer_;
};

struct Check {
    std::string_view id;
    std::string_view description;
    Outcome (*run)(Device&);
};

std::vector<Check> configuration_checks();
std::vector<Check> certificate_checks();
std::vector<Check> service_checks();
std::vector<Check> key_checks();
std::vector<Check> connection_checks();

// For checks that need settings which another check has complained about.
Outcome needs(std::string_view what);
// "host:443" for "host": what a handshake is made with.
std::string with_port(std::string_view host, std::string_view port);

}  // namespace muster::edge::checks
