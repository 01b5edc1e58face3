// What the checks look at: read once, when the first of them asks. What may take its time (services, hosts) is asked
// for side by side and once, so that what is down costs its time once, and not once for each check that needs it.
// Internal to this room.
#pragma once

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "edge/certd/client.h"
#include "edge/certd/settings.h"
#include "edge/check/checks.h"
#include "edge/check/outcome.h"
#include "edge/identityd/credential.h"
#include "edge/identityd/settings.h"
#include "edge/identityd/state.h"
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

    // Does it answer at its socket? A service that is not steady is started by the question.
    const Result<>& answers(Service service);
    // The daemons, with less patience than they have with each other. Whoever calls one has asked answers() before.
    identityd::Neighbours neighbours() const;

    // A certificate as certd gives it; when certd does not run, as its file has it.
    Result<pki::CertificateChain> certificate(const std::string& id);
    // The public half of a key pair, from keyd. A key that keyd does not give in time (its token hangs) is the last one
    // that is asked for; the others are Errc::timeout then.
    const Result<pki::PublicKey>& public_half(const std::string& id);
    // The id of the identity certificate; nothing when the device shows something else.
    std::optional<std::string> identity_certificate();

    // The identity of the settings, or the last one that identityd got; nothing before there is one.
    std::optional<identityd::DeviceIdentity> identity();
    // host[:port] of the hub: as asked for, as provisioned, as configured; nothing while it is not known.
    std::optional<std::string> hub();

    // The proxy on the way to a host, which is that of the settings unless the options name one.
    net::ProxyRules proxy();
    // How DPS and the hub are called, with the patience of a check.
    identityd::CloudSettings cloud();

    // A way to "host:port": name, TCP or the configured proxy, TLS. Begun by the first who says so, and done once.
    void begin_to_connect(const std::string& where, bool through_proxy);
    const Result<>& connected(const std::string& where, bool through_proxy);

    // What the clock lacks to that of the options' NTP server.
    void begin_to_ask_the_time();
    const Result<std::chrono::milliseconds>& clock_offset();

    // The answer of "host:port" to a request for nothing: its Date tells the time.
    struct DatedAnswer {
        std::optional<TimePoint> date;
        TimePoint asked;
    };
    Result<DatedAnswer> date_of(const std::string& where);

private:
    Result<pki::PublicKey> ask_public_half(const std::string& id);
    // What this device trusts, its proxy on the way to `host`, and the time that a check takes at most.
    Result<std::shared_ptr<net::HttpClient>> client(const std::string& host_and_port, bool through_proxy);

    std::map<Service, std::shared_future<Result<>>> services_;
    std::map<std::pair<std::string, bool>, std::shared_future<Result<>>> connections_;
    std::shared_future<Result<std::chrono::milliseconds>> clock_offset_;
    std::map<std::string, Result<pki::PublicKey>> public_halves_;
    bool keys_take_too_long_ = false;
    std::optional<Result<keyd::Settings>> keyd_;
    std::optional<Result<certd::Settings>> certd_;
    std::optional<Result<identityd::Settings>> identityd_;
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
std::vector<Check> enrollment_checks();

// Has what these checks wait for asked at once, but for what the options leave out.
void begin_connection_checks(Device& device);
// Whether DPS, which the settings name, can be connected to.
bool dps_is_there(Device& device);

// For checks that need settings which another check has complained about.
Outcome needs(std::string_view what);
// For checks that need what a service would tell: skipped when it does not answer; nothing when it does.
std::optional<Outcome> misses(Device& device, Service service);
// "host:443" for "host": what a handshake is made with.
std::string with_port(std::string_view host, std::string_view port);

}  // namespace muster::edge::checks
