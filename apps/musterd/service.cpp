#include "service.h"

#include <malloc.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <mutex>

#include "announcement_parts.h"
#include "authority_parts.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "base/version.h"
#include "crl_parts.h"
#include "database.h"
#include "endpoints/amqp.h"
#include "endpoints/https.h"
#include "endpoints/monitoring.h"
#include "endpoints/mqtt.h"
#include "hub_parts.h"
#include "limited_groups.h"
#include "net/http_server.h"
#include "net/stream_server.h"
#include "operating_parts.h"
#include "server_identity.h"
#include "shared_files.h"
#include "store/sqlite_driver.h"
#include "store/stop_signal.h"

namespace muster::musterd {
namespace {

constexpr auto drain_patience = std::chrono::seconds(10);
// Fixed by the clients (facts/dps.md 1.4).
constexpr std::string_view websocket_path = "/$iothub/websocket";
// Where the Java SDK asks for MQTT: it leaves the path to Paho, whose own this is.
constexpr std::string_view paho_websocket_path = "/mqtt";

std::string with_port(const std::string& configured, std::uint16_t port) {
    return fmt::format("{}:{}", configured.substr(0, configured.rfind(':')), port);
}

// Where programs of this machine connect to what listens there: "0.0.0.0" is no address that one connects to.
std::string reachable(const std::string& bound) {
    const auto colon = bound.rfind(':');
    if (colon == std::string::npos) return bound;
    const auto host = bound.substr(0, colon);
    const auto port = bound.substr(colon);
    if (host == "0.0.0.0") return "127.0.0.1" + port;
    if (host == "[::]") return "[::1]" + port;
    return bound;
}

// Listens, unless it is off, and notes where.
template <class Server>
Result<> listen_at(Server& server, const std::optional<std::string>& configured,
                   const std::shared_ptr<net::ServerTls>& tls, std::string& bound) {
    if (!configured) return {};
    MUSTER_TRY(const auto port, server.listen_tls(*configured, tls));
    bound = with_port(*configured, port);
    return {};
}

std::string on_or_off(const std::string& address) {
    return address.empty() ? "off" : address;
}

// Under which names clients may address the service in a shared access signature: its own and its certificate's.
std::vector<std::string> names_of(const std::string& chain_pem, const std::string& host_name) {
    std::vector<std::string> names{host_name, "localhost", "127.0.0.1"};
    if (const auto certificate = pki::Certificate::from_pem(chain_pem))
        for (auto& name : certificate->dns_names()) names.push_back(std::move(name));
    return names;
}

Result<ServerIdentity> read_server_identity(const Settings& settings, const DataDirectory& data, const Clock& clock,
                                            Random& random) {
    if (!settings.certificate) return own_server_identity(data, settings.host_name, clock, random);
    return given_server_identity(*settings.certificate, *settings.key);
}

}  // namespace

// Members go in the reverse order of their making: the store drains before the reactors that its answers go to.
struct Service::State {
    explicit State(Settings read_settings, DataDirectory opened)
        : settings(std::move(read_settings)), data(std::move(opened)), reactors(settings.threads) {}

    Settings settings;
    DataDirectory data;
    ServiceFiles files;
    std::string store_kind;
    std::string store_description;
    SystemClock clock;
    SystemRandom random;
    metrics::Metrics metrics;
    std::shared_ptr<net::ServerTls> tls;
    std::unique_ptr<OperatingParts> operating;  // after the reactors: what is left on them at the end still counts down
    net::Reactors reactors;
    std::unique_ptr<store::Store> store;
    std::unique_ptr<SharedFiles> shared_files;  // where several musterds share the store
    std::unique_ptr<provisioning::Groups> groups;
    std::unique_ptr<LimitedGroups> limited_groups;
    std::unique_ptr<AuthorityParts> authority;
    std::unique_ptr<HubParts> hubs;
    std::unique_ptr<CrlParts> crls;
    std::unique_ptr<provisioning::Registrations> registrations;
    std::unique_ptr<provisioning::Enrollments> enrollments;
    std::unique_ptr<provisioning::CaCertificates> ca_certificates;
    std::unique_ptr<provisioning::TrustBundles> trust_bundles;
    std::unique_ptr<hub::Registry> registry;
    std::unique_ptr<AnnouncementParts> announcements;
    std::unique_ptr<endpoints::Services> services;
    std::unique_ptr<net::HttpServer> server;
    std::unique_ptr<net::StreamServer> mqtt_server;
    std::unique_ptr<net::StreamServer> amqp_server;
    std::unique_ptr<net::HttpServer> monitoring;
    std::string monitoring_address;
    store::StopSignal ending;
    std::mutex ending_mutex;
    std::optional<Error> ends_for;  // under it
    bool stopped = false;

    Result<> open_store();
    Result<> read_files();
    Result<> load_rooms();
    void make_services(const ServerIdentity& identity);
    void note_certificate(const ServerIdentity& identity);
    void watch_limited_groups();
    void watch_rooms();
    void make_servers();
    Result<> listen();
    Result<> listen_for_monitoring();
    Result<> write_endpoints() const;
    void end_for(Error reason);
};

// From any thread.
void Service::State::end_for(Error reason) {
    log::error("musterd ends", {{"error", reason.chain()}, {"hint", reason.hint()}});
    const std::lock_guard lock(ending_mutex);
    ends_for = std::move(reason);
    ending.raise();
}

Result<> Service::State::open_store() {
    if (!settings.postgres) MUSTER_CHECK(check_not_shared(data));
    MUSTER_TRY(auto database, open_database(settings, data));
    store_kind = std::move(database.kind);
    store_description = std::move(database.description);
    MUSTER_TRY(store, store::Store::open(std::move(database.driver)));
    return {};
}

Result<> Service::State::read_files() {
    const auto wanted = wanted_by(settings);
    if (!store->is_shared()) {
        MUSTER_TRY(files, own_service_files(data, wanted, clock, random));
        return {};
    }
    shared_files = std::make_unique<SharedFiles>(*store, data, clock, random);
    MUSTER_TRY(files, shared_files->join(wanted));
    return {};
}

Result<> Service::State::load_rooms() {
    groups = std::make_unique<provisioning::Groups>(*store, settings.groups);
    authority = std::make_unique<AuthorityParts>(*store, *groups, clock, random, data.file(authority_directory),
                                                 settings.authority);
    MUSTER_CHECK(authority->authority.load());
    hubs = std::make_unique<HubParts>(*store, *groups, settings, files, clock, random, metrics);
    MUSTER_CHECK(hubs->linked.load());
    authority->tell_hubs(*hubs, clock, random);
    crls = std::make_unique<CrlParts>(*store, *groups, clock, random, hubs->thread.at(0).get_executor());
    return groups->load();
}

void Service::State::make_services(const ServerIdentity& identity) {
    registrations = std::make_unique<provisioning::Registrations>(
        *store, *groups, clock, random, metrics,
        provisioning::ServiceIdentity{files.id_scope, settings.host_name, files.operation_key.clone()});
    registrations->use_hubs(hubs->linked, [this](const std::string& queue) { hubs->deliveries.wake(queue); });
    registrations->use_authority(authority->authority);
    enrollments = std::make_unique<provisioning::Enrollments>(
        *store, *groups, clock, random, provisioning::ServiceFacts{settings.host_name, &hubs->linked});
    ca_certificates = std::make_unique<provisioning::CaCertificates>(*store, *groups, clock, random);
    trust_bundles = std::make_unique<provisioning::TrustBundles>(*store, clock, random);
    registry = std::make_unique<hub::Registry>(*store, clock, random);
    operating = std::make_unique<OperatingParts>(*store, settings, files, clock, random);
    announcements = std::make_unique<AnnouncementParts>(*store, *groups, *authority, *hubs, *crls, *operating,
                                                        shared_files.get(), settings.host_name, random,
                                                        [this](Error reason) { end_for(std::move(reason)); });
    note_certificate(identity);
    services = std::make_unique<endpoints::Services>(
        endpoints::Services{.registrations = *registrations,
                            .enrollments = *enrollments,
                            .ca_certificates = *ca_certificates,
                            .registry = *registry,
                            .events = operating->events,
                            .refusals = operating->refusals,
                            .throttle = operating->throttle,
                            .policies = operating->policies,
                            .clock = clock,
                            .random = random,
                            .metrics = metrics,
                            .host_name = settings.host_name,
                            .names = names_of(identity.chain_pem, settings.host_name),
                            .scope = files.id_scope,
                            .started = clock.now(),
                            .ca_pem = identity.ca_pem,
                            .store_kind = store_kind,
                            .store_description = store_description,
                            .authority = &authority->services,
                            .group_crls = &crls->lists,
                            .linked_hubs = &hubs->linked,
                            .trust_bundles = trust_bundles.get()});
    make_servers();
}

void Service::State::make_servers() {
    const auto& limits = settings.limits;
    const auto budget = std::make_shared<net::ByteBudget>(limits.buffered_bytes);
    const auto mqtt = endpoints::mqtt_handler(*services, budget);
    const auto amqp = endpoints::amqp_handler(*services, budget);
    server = std::make_unique<net::HttpServer>(reactors, endpoints::https_handler(*services), limits);
    server->serve_websockets({{std::string(websocket_path), "mqtt", mqtt},
                              {std::string(paho_websocket_path), "mqtt", mqtt},
                              {std::string(websocket_path), "AMQPWSB10", amqp}});
    const net::StreamLimits stream_limits{limits.handshake, limits.write, limits.connections};
    mqtt_server = std::make_unique<net::StreamServer>(reactors, mqtt, stream_limits);
    amqp_server = std::make_unique<net::StreamServer>(reactors, amqp, stream_limits);
}

Result<> Service::State::listen() {
    MUSTER_CHECK(listen_at(*server, settings.https, tls, services->https));
    MUSTER_CHECK(listen_at(*mqtt_server, settings.mqtts, tls, services->mqtts));
    return listen_at(*amqp_server, settings.amqps, tls, services->amqps);
}

// Its end, for those who are to be warned of it, and what clients will have against it.
void Service::State::note_certificate(const ServerIdentity& identity) {
    if (const auto fault = fault_of(identity, settings.host_name, clock.now()); !fault.empty())
        log::warn("clients will refuse the server certificate", {{"because", fault}});
    if (const auto certificate = pki::Certificate::from_pem(identity.chain_pem))
        operating->server_certificate_end = certificate->not_after().time_since_epoch().count();
}

void Service::State::watch_limited_groups() {
    limited_groups = std::make_unique<LimitedGroups>(*store, settings.throttle);
    if (!limited_groups->any()) return;
    const auto look = [this] {
        auto looking = [](LimitedGroups& limited) -> Task<> {
            if (const auto looked = co_await limited.look(); !looked)
                log::warn("the groups of [throttle.groups] were not looked for", {{"error", looked.error().chain()}});
        };
        boost::asio::co_spawn(reactors.at(0), looking(*limited_groups), boost::asio::detached);
    };
    groups->on_reading(look);
    look();
}

// Values that the rooms keep anyway, read when Prometheus asks.
void Service::State::watch_rooms() {
    using Kind = metrics::Metrics::Kind;
    // Of all listeners together.
    const auto net = [this](auto of_http, auto of_stream) {
        return [this, of_http, of_stream] {
            return static_cast<double>(server->statistics().*of_http + mqtt_server->statistics().*of_stream +
                                       amqp_server->statistics().*of_stream);
        };
    };
    const auto db = [this](auto member) {
        return [this, member] { return static_cast<double>(store->statistics().*member); };
    };
    using Http = net::ServerStatistics;
    using Bytes = net::StreamStatistics;
    using Db = store::DriverStatistics;
    metrics.observe(Kind::gauge, "muster_connections_open", "Connections open now",
                    net(&Http::connections_open, &Bytes::connections_open));
    metrics.observe(Kind::total, "muster_connections_total", "Connections accepted",
                    net(&Http::connections_total, &Bytes::connections_total));
    metrics.observe(Kind::total, "muster_handshakes_failed_total", "TLS handshakes that failed",
                    net(&Http::handshakes_failed, &Bytes::handshakes_failed));
    metrics.observe(Kind::gauge, "muster_registrations_under_way", "Registrations begun and not yet answered",
                    [this] { return static_cast<double>(operating->throttle.under_way()); });
    metrics.observe(Kind::gauge, "muster_load", "Overload: 0 idle, from 1 on registrations are turned away",
                    [this] { return operating->throttle.load(); });
    metrics.observe(Kind::gauge, "muster_event_readers", "Callers that read or wait for events",
                    [this] { return static_cast<double>(operating->events.waiting()); });
    metrics.observe(Kind::gauge, "muster_assignments_waiting", "Devices that wait for a hub that is not ours",
                    [this] { return hubs->waiting(); });
    metrics.observe(Kind::total, "muster_store_transactions_total", "Write transactions run", db(&Db::transactions));
    metrics.observe(Kind::total, "muster_store_commits_total",
                    "Commits; with SQLite each is one fsync for all that waited", db(&Db::commits));
    metrics.observe(Kind::total, "muster_store_retries_total",
                    "Transactions run again, since others were in their way; with PostgreSQL alone", db(&Db::retries));
    metrics.observe(Kind::gauge, "muster_store_queue", "Write transactions waiting", db(&Db::queued));
    metrics.observe(Kind::total, "muster_store_commit_seconds_total", "Time spent in commits",
                    [this] { return static_cast<double>(store->statistics().commit_nanoseconds) / 1e9; });
    if (!settings.postgres)
        metrics.observe(Kind::gauge, "muster_store_memory_bytes",
                        "Memory of the database, nearly all of it cached pages: bounded by store_cache_bytes",
                        [] { return static_cast<double>(store::SqliteDriver::memory_in_use()); });
    metrics.observe(Kind::gauge, "muster_heap_bytes",
                    "Memory in use, that of the database with it; resident is more by what is free in between", [] {
                        const auto heap = ::mallinfo2();
                        return static_cast<double>(heap.uordblks + heap.hblkhd);
                    });
}

Result<> Service::State::listen_for_monitoring() {
    if (!settings.metrics) return {};
    monitoring = std::make_unique<net::HttpServer>(
        reactors, endpoints::monitoring_handler(metrics, [this]() -> Task<Result<>> {
            MUSTER_CO_CHECK(co_await store->read([](store::Tx& tx) { return tx.enrollment_groups().count(); }));
            co_return Result<>();
        }));
    const auto port = monitoring->listen_plain(*settings.metrics);
    if (port) {
        monitoring_address = with_port(*settings.metrics, *port);
    } else if (settings.metrics_asked_for) {
        return std::unexpected(port.error());
    } else {
        log::warn("no metrics: the default address is taken", {{"error", port.error().chain()}});
    }
    return {};
}

Result<> Service::State::write_endpoints() const {
    const json::object endpoints{{"pid", ::getpid()},
                                 {"hostName", settings.host_name},
                                 {"idScope", files.id_scope},
                                 {"https", reachable(services->https)},
                                 {"mqtts", reachable(services->mqtts)},
                                 {"amqps", reachable(services->amqps)}};
    return write_file_atomic(data.file("endpoints.json"), pretty(endpoints) + "\n", 0600);
}

Service::Service(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Service>> Service::start(Settings settings) {
    MUSTER_TRY(auto data, open_data_directory(settings.data_dir));
    auto state = std::make_unique<State>(std::move(settings), std::move(data));
    MUSTER_CHECK(state->open_store());
    MUSTER_CHECK(state->read_files());
    MUSTER_TRY(const auto identity, read_server_identity(state->settings, state->data, state->clock, state->random));
    MUSTER_TRY(state->tls, net::ServerTls::create(identity.chain_pem, identity.key_pem));
    MUSTER_CHECK(state->load_rooms());
    state->make_services(identity);
    state->watch_limited_groups();
    state->watch_rooms();
    MUSTER_CHECK(state->listen());
    MUSTER_CHECK(state->listen_for_monitoring());
    MUSTER_CHECK(state->write_endpoints());
    boost::asio::co_spawn(state->reactors.at(0), state->operating->housekeeping.run(), boost::asio::detached);
    state->reactors.start();
    state->crls->refresh.start();
    state->hubs->start();
    log::info("musterd started", {{"version", version()},
                                  {"https", on_or_off(state->services->https)},
                                  {"mqtts", on_or_off(state->services->mqtts)},
                                  {"amqps", on_or_off(state->services->amqps)},
                                  {"idScope", state->files.id_scope},
                                  {"hostName", state->settings.host_name},
                                  {"dataDir", state->settings.data_dir.string()},
                                  {"store", state->store_description}});
    return std::unique_ptr<Service>(new Service(std::move(state)));
}

Service::~Service() {
    stop();
}

std::string Service::welcome() const {
    const auto& s = *state_;
    const auto dir = s.settings.data_dir.string();
    const bool elsewhere = dir != Settings().data_dir;
    const auto option = elsewhere ? fmt::format(" --data-dir {}", dir) : std::string();
    return fmt::format(
        "musterd {}{}\n"
        "  https       {}\n"
        "  mqtts       {}\n"
        "  amqps       {}\n"
        "  metrics     {}\n"
        "  host name   {} (what devices are told as their hub)\n"
        "  id scope    {}\n"
        "  data        {}\n"
        "  store       {}\n"
        "  keys        {}/access-policies.json\n"
        "  trust       {}\n"
        "Try:\n"
        "  muster status{}\n"
        "  muster connection-string --policy provisioningserviceowner{}\n",
        version(), s.files.news.empty() ? "" : ", " + s.files.news, on_or_off(s.services->https),
        on_or_off(s.services->mqtts), on_or_off(s.services->amqps),
        s.monitoring_address.empty() ? "off" : s.monitoring_address + " (http, /metrics)", s.settings.host_name,
        s.files.id_scope, dir, s.store_description, dir,
        s.settings.certificate ? fmt::format("the issuer of {}", *s.settings.certificate)
                               : fmt::format("{}/server-ca.cert.pem (muster trust{})", dir, option),
        option, option);
}

void Service::reload_certificate() {
    auto& s = *state_;
    auto reloaded = [&]() -> Result<> {
        MUSTER_TRY(const auto identity, read_server_identity(s.settings, s.data, s.clock, s.random));
        // One that has ended, put there by mistake, must not take the place of one that is good.
        MUSTER_TRY(const auto certificate, pki::Certificate::from_pem(identity.chain_pem));
        if (certificate.not_after() < s.clock.now())
            return fail(Errc::invalid_argument, "the one in {} expired at {}",
                        s.settings.certificate.value_or("the data directory"),
                        format_utc_seconds(certificate.not_after()));
        MUSTER_CHECK(s.tls->reload(identity.chain_pem, identity.key_pem));
        s.note_certificate(identity);
        return {};
    }();
    if (reloaded) {
        log::info("server certificate read again");
    } else {
        log::error("the server certificate was not changed", {{"error", reloaded.error().chain()}});
    }
}

std::vector<std::filesystem::path> Service::certificate_files() const {
    const auto& settings = state_->settings;
    if (!settings.certificate) return {};
    return {*settings.certificate, *settings.key};
}

int Service::ending_fd() const {
    return state_->ending.fd();
}

std::optional<Error> Service::fault() const {
    const std::lock_guard lock(state_->ending_mutex);
    return state_->ends_for;
}

void Service::stop() {
    auto& s = *state_;
    if (std::exchange(s.stopped, true)) return;
    log::info("musterd stops");
    s.hubs->deliveries.stop();
    s.operating->events.stop();
    // All of them together: systemd does not wait for ever.
    const auto until = std::chrono::steady_clock::now() + drain_patience;
    const auto left = [&] {
        const auto time = until - std::chrono::steady_clock::now();
        return std::max(std::chrono::milliseconds(0), std::chrono::duration_cast<std::chrono::milliseconds>(time));
    };
    s.server->drain(left());
    s.mqtt_server->drain(left());
    s.amqp_server->drain(left());
    if (s.monitoring) s.monitoring->drain(std::chrono::milliseconds(0));
    s.reactors.stop();
    s.hubs->stop();
    // Nobody asks these for anything any more; what they were asked for is answered while the loops that asked are there.
    s.operating->policies.stop();
    s.authority->authority.stop();
    s.store.reset();
    if (auto removed = remove_file(s.data.file("endpoints.json")); !removed)
        log::warn("endpoints.json stays behind", {{"error", removed.error().chain()}});
    log::info("musterd stopped");
}

}  // namespace muster::musterd
