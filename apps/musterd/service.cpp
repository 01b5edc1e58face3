#include "service.h"

#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "base/version.h"
#include "endpoints/https.h"
#include "net/http_server.h"
#include "store/sqlite_driver.h"

namespace muster::musterd {
namespace {

constexpr auto drain_patience = std::chrono::seconds(10);

// The address to tell clients of this machine: one that can be connected to.
std::string reachable(const std::string& configured, std::uint16_t port) {
    const auto host = configured.substr(0, configured.rfind(':'));
    if (host == "0.0.0.0") return fmt::format("127.0.0.1:{}", port);
    if (host == "[::]") return fmt::format("[::1]:{}", port);
    return fmt::format("{}:{}", host, port);
}

Result<ServerIdentity> read_server_identity(const Settings& settings, const DataDirectory& data, const Clock& clock,
                                            Random& random) {
    if (!settings.certificate) return own_server_identity(data, settings.host_name, clock, random);
    MUSTER_TRY(auto chain, read_file(*settings.certificate));
    MUSTER_TRY(auto key, read_file(*settings.key));
    return ServerIdentity{std::move(chain), std::move(key), {}};
}

}  // namespace

// Members go in the reverse order of their making: the store drains before the reactors that its answers go to.
struct Service::State {
    explicit State(Settings read_settings, DataDirectory opened)
        : settings(std::move(read_settings)), data(std::move(opened)), reactors(settings.threads) {}

    Settings settings;
    DataDirectory data;
    SystemClock clock;
    SystemRandom random;
    std::shared_ptr<net::ServerTls> tls;
    net::Reactors reactors;
    std::unique_ptr<store::Store> store;
    std::unique_ptr<provisioning::Groups> groups;
    std::unique_ptr<provisioning::Registrations> registrations;
    std::unique_ptr<provisioning::Enrollments> enrollments;
    std::unique_ptr<provisioning::CaCertificates> ca_certificates;
    std::unique_ptr<hub::Registry> registry;
    std::unique_ptr<endpoints::Services> services;
    std::unique_ptr<net::HttpServer> server;
    std::string https;
    bool stopped = false;

    Result<> open_store();
    void make_services(const std::string& ca_pem);
    Result<> listen();
    Result<> write_endpoints() const;
};

Result<> Service::State::open_store() {
    MUSTER_TRY(auto driver, store::SqliteDriver::open(data.file("muster.db")));
    MUSTER_TRY(store, store::Store::open(std::move(driver)));
    groups = std::make_unique<provisioning::Groups>(*store);
    return groups->load();
}

void Service::State::make_services(const std::string& ca_pem) {
    registrations = std::make_unique<provisioning::Registrations>(
        *store, *groups, clock, random,
        provisioning::ServiceIdentity{data.id_scope, settings.host_name, data.operation_key.clone()});
    enrollments = std::make_unique<provisioning::Enrollments>(*store, *groups, clock, random,
                                                              provisioning::ServiceFacts{settings.host_name});
    ca_certificates = std::make_unique<provisioning::CaCertificates>(*store, *groups, clock, random);
    registry = std::make_unique<hub::Registry>(*store, clock, random);
    services = std::make_unique<endpoints::Services>(endpoints::Services{*registrations,
                                                                         *enrollments,
                                                                         *ca_certificates,
                                                                         *registry,
                                                                         data.policies,
                                                                         clock,
                                                                         random,
                                                                         settings.host_name,
                                                                         data.id_scope,
                                                                         {},
                                                                         clock.now(),
                                                                         ca_pem});
    server = std::make_unique<net::HttpServer>(reactors, endpoints::https_handler(*services), settings.limits);
}

Result<> Service::State::listen() {
    if (!settings.https) return {};
    MUSTER_TRY(const auto port, server->listen_tls(*settings.https, tls));
    https = reachable(*settings.https, port);
    services->https = https;
    return {};
}

Result<> Service::State::write_endpoints() const {
    const json::object endpoints{
        {"pid", ::getpid()}, {"hostName", settings.host_name}, {"idScope", data.id_scope}, {"https", https}};
    return write_file_atomic(data.file("endpoints.json"), pretty(endpoints) + "\n", 0600);
}

Service::Service(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Service>> Service::start(Settings settings) {
    SystemRandom random;
    MUSTER_TRY(auto data, open_data_directory(settings.data_dir, settings.id_scope, random));
    auto state = std::make_unique<State>(std::move(settings), std::move(data));
    MUSTER_TRY(const auto identity, read_server_identity(state->settings, state->data, state->clock, state->random));
    MUSTER_TRY(state->tls, net::ServerTls::create(identity.chain_pem, identity.key_pem));
    MUSTER_CHECK(state->open_store());
    state->make_services(identity.ca_pem);
    MUSTER_CHECK(state->listen());
    MUSTER_CHECK(state->write_endpoints());
    state->reactors.start();
    log::info("musterd started", {{"version", version()},
                                  {"https", state->https.empty() ? "off" : state->https},
                                  {"idScope", state->data.id_scope},
                                  {"hostName", state->settings.host_name},
                                  {"dataDir", state->settings.data_dir.string()}});
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
        "  host name   {} (what devices are told as their hub)\n"
        "  id scope    {}\n"
        "  data        {}\n"
        "  keys        {}/access-policies.json\n"
        "  trust       {}\n"
        "Try:\n"
        "  muster status{}\n"
        "  muster connection-string --policy provisioningserviceowner{}\n",
        version(), s.data.first_start ? ", first start: a new data directory was made" : "",
        s.https.empty() ? "off" : s.https, s.settings.host_name, s.data.id_scope, dir, dir,
        s.settings.certificate ? fmt::format("the issuer of {}", *s.settings.certificate)
                               : fmt::format("{}/server-ca.cert.pem (muster trust{})", dir, option),
        option, option);
}

void Service::reload_certificate() {
    auto& s = *state_;
    auto reloaded = [&]() -> Result<> {
        MUSTER_TRY(const auto identity, read_server_identity(s.settings, s.data, s.clock, s.random));
        return s.tls->reload(identity.chain_pem, identity.key_pem);
    }();
    if (reloaded) {
        log::info("server certificate read again");
    } else {
        log::error("the server certificate was not changed", {{"error", reloaded.error().chain()}});
    }
}

void Service::stop() {
    auto& s = *state_;
    if (std::exchange(s.stopped, true)) return;
    log::info("musterd stops");
    s.server->drain(drain_patience);
    s.reactors.stop();
    s.store.reset();
    if (auto removed = remove_file(s.data.file("endpoints.json")); !removed)
        log::warn("endpoints.json stays behind", {{"error", removed.error().chain()}});
    log::info("musterd stopped");
}

}  // namespace muster::musterd
