#include "muster/simulate/simulate_command.h"

#include <CLI/CLI.hpp>

#include "base/file.h"
#include "muster/command.h"
#include "muster/simulate/device_client.h"
#include "muster/simulate/fleet.h"
#include "muster/simulate/load.h"
#include "muster/simulate/report.h"
#include "net/address.h"
#include "pki/direct_ec.h"

namespace muster::cli {
namespace simulate {
namespace {

struct Options {
    LoadOptions load;
    std::string prefix = "sim-";
    std::string host;
    std::string connect_to;
    std::string ca_file;
    std::string data_dir;
    std::string dir = ".";
    std::string issuer_chain;
    std::string issuer_key;
    std::string output = "table";
    std::string transport = "https";
    int poll_after = -1;
    int patience = 60;
    bool from_files = false;
    bool scatter = false;
};

constexpr const char* examples =
    "  muster simulate --devices 100                       # against the musterd of this machine\n"
    "  muster simulate --devices 5000 --concurrency 64 --poll-after 0\n"
    "  muster simulate --devices 100 --transport amqp-ws\n"
    "  muster simulate --host dps.plant.example --scope 0ne12345678 --ca muster-ca.pem --devices 10\n"
    "  muster simulate --host localhost:8443 --handshake-only --ca ca.pem --devices 5000   # any HTTPS server\n"
    "\n"
    "The devices' certificates are made in memory by the intermediate that `muster cert intermediate` wrote below "
    "--dir;\n"
    "an enrollment group must know it: muster enrollment-group create.\n";

// Where this machine's musterd listens for it.
Result<std::string> address_of(const Endpoints& endpoints, Transport transport) {
    const bool mqtt = transport == Transport::mqtt;
    if (!mqtt && transport != Transport::amqp) return endpoints.https;
    const auto& address = mqtt ? endpoints.mqtts : endpoints.amqps;
    if (!address.empty()) return address;
    return fail(Error(Errc::unavailable, fmt::format("musterd does not listen for {}", mqtt ? "MQTT" : "AMQP"))
                    .with_hint(fmt::format("set {} in [listen] of its configuration, or try --transport {}-ws",
                                           mqtt ? "mqtts" : "amqps", mqtt ? "mqtt" : "amqp")));
}

// What the command line leaves open comes from the data directory of this machine's musterd.
Result<Destination> find_destination(Options& options) {
    std::string ca_pem;
    if (options.host.empty()) {
        const std::filesystem::path data_dir = options.data_dir.empty() ? default_data_dir : options.data_dir;
        MUSTER_TRY(const auto endpoints, read_endpoints(data_dir));
        options.host = public_host(endpoints);
        if (options.connect_to.empty()) {
            MUSTER_TRY(options.connect_to, address_of(endpoints, options.load.transport));
        }
        if (options.load.scope.empty()) options.load.scope = endpoints.id_scope;
        MUSTER_TRY(ca_pem, read_data_file(data_dir, server_ca_file));
    }
    if (!options.ca_file.empty()) {
        MUSTER_TRY(ca_pem, read_file(options.ca_file));
    }
    MUSTER_TRY(const auto where, net::parse_host_port(options.host, usual_port(options.load.transport)));
    if (options.load.scope.empty() && !options.load.handshake_only) {
        return std::unexpected(Error(Errc::invalid_argument, "the id scope is not known")
                                   .with_hint("give --scope; `muster status` on the server shows it"));
    }
    return make_destination(where.host, where.port, options.connect_to, ca_pem);
}

Result<Fleet> find_fleet(const Options& options) {
    if (options.from_files) return Fleet::read_from(options.dir, options.prefix);
    Fleet::Files files{options.issuer_chain, options.issuer_key};
    if (files.chain.empty()) files.chain = options.dir + "/certs/azure-iot-test-only.intermediate-full-chain.cert.pem";
    if (files.key.empty()) files.key = options.dir + "/private/azure-iot-test-only.intermediate.key.pem";
    auto fleet = Fleet::issued_by(files, options.prefix);
    if (fleet || fleet.error().code() == Errc::invalid_argument) return fleet;
    return std::unexpected(Error(fleet.error())
                               .with_hint("make them with `muster cert root` and `muster cert intermediate`, or say "
                                          "where they are: --dir, or --issuer-chain and "
                                          "--issuer-key"));
}

// 0 when every device got its answer.
Result<int> run(Options& options, const Io& io) {
    if (options.poll_after >= 0) options.load.poll_after = std::chrono::milliseconds(options.poll_after);
    options.load.patience = std::chrono::seconds(options.patience);
    options.load.transport = *parse_transport(options.transport);
    if (options.load.handshake_only && options.load.transport != Transport::https)
        return fail(Errc::invalid_argument, "--handshake-only asks an HTTPS server: it goes with no other --transport");
    MUSTER_TRY(auto fleet, find_fleet(options));
    if (options.scatter) fleet.scatter();
    MUSTER_TRY(const auto destination, find_destination(options));
    const auto progress = [&](std::size_t done) {
        if (done < options.load.devices) io.err(fmt::format("{} of {} devices\n", done, options.load.devices));
    };
    MUSTER_TRY(const auto result, run_load(destination, fleet, options.load, progress));
    if (options.output == "json") {
        io.out(pretty(report_json(result)) + "\n");
    } else {
        io.out(report_text(result));
    }
    return result.done == options.load.devices ? 0 : 1;
}

void add_fleet_options(CLI::App& verb, Options& options) {
    add_number(verb, "-n,--devices", options.load.devices, 1, 100'000'000, "how many devices; default 1");
    add_number(verb, "-c,--concurrency", options.load.concurrency, 1, 20'000, "how many of them at a time; default 16");
    verb.add_option("--prefix", options.prefix, "names are PREFIX and a number; default sim-");
    verb.add_option("--first", options.load.first, "number of the first device; default 1");
    verb.add_flag("--scatter", options.scatter, "numbers in no order, as serial numbers are");
    verb.add_option("--dir", options.dir, "where `muster cert` wrote its files; default: here")->type_name("DIR");
    add_file(verb, "--issuer-chain", options.issuer_chain, "PEM: the issuing certificate, then those above it");
    add_file(verb, "--issuer-key", options.issuer_key, "PEM: the key of the issuing certificate");
    verb.add_flag("--from-files", options.from_files, "use the devices that `muster cert device` made below --dir");
}

void add_target_options(CLI::App& verb, Options& options) {
    verb.add_option("--host", options.host, "name and port of the service; default: the musterd of this machine")
        ->type_name("HOST[:PORT]");
    verb.add_option("--connect-to", options.connect_to, "where to connect, with --host as the name in TLS")
        ->type_name("HOST:PORT");
    verb.add_option("--scope", options.load.scope, "id scope; default: that of the musterd of this machine");
    add_file(verb, "--ca", options.ca_file, "PEM: the CA of the service (`muster trust`)");
    verb.add_option("--data-dir", options.data_dir, "data directory of this machine's musterd")->type_name("DIR");
}

void add_course_options(CLI::App& verb, Options& options) {
    add_choice(verb, "-t,--transport", options.transport, {"https", "mqtt", "mqtt-ws", "amqp", "amqp-ws"},
               "the protocol: https (the default), mqtt, mqtt-ws, amqp, amqp-ws");
    add_number(verb, "--poll-after", options.poll_after, 0, 3'600'000,
               "milliseconds before a poll, instead of what Retry-After says");
    verb.add_flag("--reconnect", options.load.reconnect_to_poll, "poll over a connection of its own");
    verb.add_flag("--handshake-only", options.load.handshake_only,
                  "one GET / and no registration, for any HTTPS server");
    add_number(verb, "--patience", options.patience, 1, 3600, "seconds until a device gives up; default 60");
    add_choice(verb, "-o,--output", options.output, {"table", "json"}, "table (the default) for people, or json");
}

}  // namespace
}  // namespace simulate

void add_simulate_command(CLI::App& app, int& exit_code) {
    using namespace simulate;
    auto options = std::make_shared<Options>();
    auto& verb =
        add_verb(app, "simulate", "Register a simulated fleet: to try a service out, or to measure it", examples);
    add_fleet_options(verb, *options);
    add_target_options(verb, *options);
    add_course_options(verb, *options);
    verb.callback([options, &exit_code] {
        pki::use_direct_ec_keys();
        const auto io = process_io();
        const auto result = run(*options, io);
        if (!result) print_error(io, result.error());
        exit_code = result ? *result : exit_failed;
    });
}

}  // namespace muster::cli
