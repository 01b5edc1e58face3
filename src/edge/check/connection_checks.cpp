// The clock, and whether the service and the hub can be reached and are who they say.
#include "edge/check/device.h"
#include "edge/check/mending.h"

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
    const auto& offset = device.clock_offset();
    if (offset) return judge_clock(*offset, server);
    auto outcome = Outcome::failed(offset.error().wrap("the time could not be compared with that of an NTP server"),
                                   Outcome::Kind::warning);
    outcome.details.emplace_back("to mend it: --ntp-server HOST:PORT names one that this device reaches");
    return outcome;
}

// Where a check connects to.
struct Connection {
    Destination to;
    bool through_proxy;  // one that there may be
};

bool goes_by_proxy(Device& device, const Connection& connection) {
    return connection.through_proxy && device.proxy().on_the_way_to(net::host_of(connection.to.where)).has_value();
}

std::expected<Connection, Outcome> to_dps(Device& device) {
    const auto& settings = device.identityd();
    if (!settings) return std::unexpected(needs("identityd's configuration"));
    if (settings->source != identityd::Source::dps)
        return std::unexpected(Outcome::ignored("the device is not provisioned through DPS"));
    const auto host = settings->dps.global_endpoint.substr(std::string_view("https://").size());
    Connection connection{
        {with_port(host, "443"),
         "correct global_endpoint in [provisioning] of /etc/aziot/config.toml, then run: iotedge config "
         "apply"},
        true};
    connection.to.by_proxy = goes_by_proxy(device, connection);
    return connection;
}

std::string without_port(const std::string& host) {
    const auto after_name = host.starts_with('[') ? host.find(']') : 0;
    return host.substr(0, host.find(':', after_name));
}

std::string correction_of_the_hub(Device& device) {
    const auto& settings = *device.identityd();
    if (!device.options.iothub_hostname.empty()) return "correct --iothub-hostname";
    if (settings.source == identityd::Source::dps)
        return "correct the hub at DPS (muster hub list), then run: iotedge system reprovision";
    return fmt::format("correct {} of /etc/aziot/config.toml, then run: iotedge config apply",
                       settings.gateway ? "parent_hostname" : "the hub's name in [provisioning]");
}

std::expected<Connection, Outcome> to_hub(Device& device, std::string_view port) {
    if (!device.identityd()) return std::unexpected(needs("identityd's configuration"));
    if (device.identityd()->source == identityd::Source::none && device.options.iothub_hostname.empty())
        return std::unexpected(Outcome::ignored("the device has no hub"));
    const auto hub = device.hub();
    if (!hub)
        return std::unexpected(
            Outcome::skipped("the hub is not known before the device is provisioned (--iothub-hostname names one)"));
    // A port in the hub's name is that of HTTPS. The device itself calls it there, through its proxy.
    const bool https = port == "443";
    Connection connection{{with_port(https ? *hub : without_port(*hub), port), correction_of_the_hub(device)}, https};
    connection.to.by_proxy = goes_by_proxy(device, connection);
    return connection;
}

std::expected<Connection, Outcome> to_hub_by_amqp(Device& device) {
    return to_hub(device, "5671");
}

std::expected<Connection, Outcome> to_hub_by_https(Device& device) {
    return to_hub(device, "443");
}

std::expected<Connection, Outcome> to_hub_by_mqtt(Device& device) {
    return to_hub(device, "8883");
}

Outcome handshake(Device& device, const std::expected<Connection, Outcome>& connection) {
    if (!connection) return connection.error();
    const auto& [to, through_proxy] = *connection;
    const auto& connected = device.connected(to.where, through_proxy);
    auto outcome = Outcome::ok();
    if (!connected)
        outcome = Outcome::failed(connected.error()
                                      .wrap(fmt::format("{} cannot be used", to.where))
                                      .with_hint(what_mends(connected.error(), to)));
    outcome.more["address"] = to.where;
    return outcome;
}

// What the device asks by HTTPS: DPS, or without it the hub.
std::expected<Connection, Outcome> to_service(Device& device) {
    if (device.identityd() && device.identityd()->source == identityd::Source::none)
        return std::unexpected(Outcome::ignored("the device has no service"));
    auto dps = to_dps(device);
    return dps || dps.error().kind != Outcome::Kind::ignored ? dps : to_hub_by_https(device);
}

Outcome service_time(Device& device) {
    const auto service = to_service(device);
    if (!service) return service.error();
    const auto& where = service->to.where;
    const auto& connected = device.connected(where, true);
    if (!connected)
        return Outcome::skipped(fmt::format("{} cannot be reached: {}", where, connected.error().message()));
    const auto answer = device.date_of(where);
    if (!answer) return Outcome::skipped(fmt::format("{} does not answer: {}", where, answer.error().message()));
    if (!answer->date) return Outcome::ignored(fmt::format("{} does not say what time it is", where));
    // The header knows seconds: the middle of one.
    const auto offset = *answer->date + milliseconds(500) - answer->asked;
    return judge_clock(std::chrono::duration_cast<milliseconds>(offset), where);
}

struct ConnectionCheck {
    Check check;
    std::expected<Connection, Outcome> (*destination)(Device&);
};

const std::vector<ConnectionCheck>& handshakes() {
    static const std::vector<ConnectionCheck> all{
        {{"host-connect-dps-endpoint", "host can connect to and perform TLS handshake with DPS endpoint",
          [](Device& device) { return handshake(device, to_dps(device)); }},
         to_dps},
        {{"host-connect-iothub-amqp", "host can connect to and perform TLS handshake with iothub AMQP port",
          [](Device& device) { return handshake(device, to_hub_by_amqp(device)); }},
         to_hub_by_amqp},
        {{"host-connect-iothub-https",
          "host can connect to and perform TLS handshake with iothub HTTPS / WebSockets port",
          [](Device& device) { return handshake(device, to_hub_by_https(device)); }},
         to_hub_by_https},
        {{"host-connect-iothub-mqtt", "host can connect to and perform TLS handshake with iothub MQTT port",
          [](Device& device) { return handshake(device, to_hub_by_mqtt(device)); }},
         to_hub_by_mqtt},
    };
    return all;
}

constexpr Check time_check{"host-local-time", "host time is close to reference time", local_time};

bool is_to_run(Device& device, std::string_view id) {
    return !device.options.dont_run.contains(std::string(id));
}

}  // namespace

void begin_connection_checks(Device& device) {
    if (is_to_run(device, time_check.id)) device.begin_to_ask_the_time();
    for (const auto& [check, destination] : handshakes()) {
        if (!is_to_run(device, check.id)) continue;
        if (const auto connection = destination(device))
            device.begin_to_connect(connection->to.where, connection->through_proxy);
    }
}

bool dps_is_there(Device& device) {
    const auto dps = to_dps(device);
    return dps && device.connected(dps->to.where, dps->through_proxy).has_value();
}

std::vector<Check> connection_checks() {
    std::vector<Check> all{time_check,
                           {"host-time-against-service", "host time is close to the service's", service_time}};
    for (const auto& handshake : handshakes()) all.push_back(handshake.check);
    return all;
}

}  // namespace muster::edge::checks
