// The clock, and whether the service and the hub can be reached and are who they say.
#include "edge/check/device.h"
#include "edge/check/ntp.h"

namespace muster::edge::checks {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds tolerable = std::chrono::seconds(10);
// A token's and a certificate's beginning forgive no more than this.
constexpr milliseconds ruinous = std::chrono::minutes(5);

std::string amount(milliseconds offset) {
    return fmt::format("{:.1f} seconds {}", static_cast<double>(std::chrono::abs(offset).count()) / 1000,
                       offset.count() > 0 ? "behind" : "ahead of");
}

Outcome judge_clock(milliseconds offset, const std::string& whose) {
    auto outcome = Outcome::ok();
    const auto said = fmt::format("the clock of this device is {} that of {}", amount(offset), whose);
    if (std::chrono::abs(offset) > ruinous)
        outcome = Outcome::error(said + ": tokens and certificates will be refused", "timedatectl set-ntp true");
    else if (std::chrono::abs(offset) > tolerable)
        outcome = Outcome::warning(said, "timedatectl set-ntp true");
    outcome.more["offsetMilliseconds"] = offset.count();
    return outcome;
}

Outcome local_time(Device& device) {
    const auto& server = device.options.ntp_server;
    const auto offset = ask_ntp(server, device.clock);
    if (offset) return judge_clock(*offset, server);
    auto outcome = Outcome::failed(offset.error().wrap("the time could not be compared with that of an NTP server"),
                                   Outcome::Kind::warning);
    outcome.details.emplace_back("to mend it: --ntp-server HOST:PORT names one that this device reaches");
    return outcome;
}

Outcome service_time(Device& device) {
    if (!device.identityd()) return needs("identityd's configuration");
    if (device.identityd()->source == identityd::Source::none) return Outcome::ignored("the device has no service");
    const auto& answer = device.service_answer();
    if (!answer) return Outcome::skipped("the service cannot be reached: " + answer.error().message());
    if (!answer->date) return Outcome::ignored(fmt::format("{} does not say what time it is", answer->host));
    // The header knows seconds: the middle of one.
    const auto offset = *answer->date + milliseconds(500) - answer->asked;
    return judge_clock(std::chrono::duration_cast<milliseconds>(offset), answer->host);
}

Outcome handshake(Device& device, const std::string& where, bool through_proxy) {
    const auto http = device.client(where, through_proxy);
    if (!http) return Outcome::failed(http.error());
    const auto connected = (*http)->try_to_connect_blocking();
    auto outcome =
        connected ? Outcome::ok() : Outcome::failed(connected.error().wrap(fmt::format("{} cannot be used", where)));
    if (!connected && connected.error().code() == Errc::unauthorized)
        outcome.details.emplace_back(
            "to mend it: install the service's authority in the system's store, or name it in [provisioning] of "
            "/etc/aziot/config.toml (global_endpoint_ca, iothub_ca)");
    outcome.more["address"] = where;
    return outcome;
}

Outcome dps(Device& device) {
    const auto& settings = device.identityd();
    if (!settings) return needs("identityd's configuration");
    if (settings->source != identityd::Source::dps)
        return Outcome::ignored("the device is not provisioned through DPS");
    const auto host = settings->dps.global_endpoint.substr(std::string_view("https://").size());
    return handshake(device, with_port(host, "443"), true);
}

std::string without_port(const std::string& host) {
    const auto after_name = host.starts_with('[') ? host.find(']') : 0;
    return host.substr(0, host.find(':', after_name));
}

Outcome hub_at(Device& device, std::string_view port, bool through_proxy) {
    if (!device.identityd()) return needs("identityd's configuration");
    if (device.identityd()->source == identityd::Source::none && device.options.iothub_hostname.empty())
        return Outcome::ignored("the device has no hub");
    const auto hub = device.hub();
    if (!hub)
        return Outcome::skipped("the hub is not known before the device is provisioned (--iothub-hostname names one)");
    // A port in the hub's name is that of HTTPS.
    return handshake(device, with_port(port == "443" ? *hub : without_port(*hub), port), through_proxy);
}

Outcome hub_amqp(Device& device) {
    return hub_at(device, "5671", false);
}

Outcome hub_https(Device& device) {
    return hub_at(device, "443", true);
}

Outcome hub_mqtt(Device& device) {
    return hub_at(device, "8883", false);
}

}  // namespace

std::vector<Check> connection_checks() {
    return {
        {"host-local-time", "host time is close to reference time", local_time},
        {"host-time-against-service", "host time is close to the service's", service_time},
        {"host-connect-dps-endpoint", "host can connect to and perform TLS handshake with DPS endpoint", dps},
        {"host-connect-iothub-amqp", "host can connect to and perform TLS handshake with iothub AMQP port", hub_amqp},
        {"host-connect-iothub-https",
         "host can connect to and perform TLS handshake with iothub HTTPS / WebSockets port", hub_https},
        {"host-connect-iothub-mqtt", "host can connect to and perform TLS handshake with iothub MQTT port", hub_mqtt},
    };
}

}  // namespace muster::edge::checks
