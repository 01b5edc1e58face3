#include "edge/check/device.h"

#include "base/file.h"
#include "edge/certd/certificate_files.h"
#include "edge/check/ntp.h"
#include "edge/identityd/cloud_answer.h"
#include "edge/keyd/remote_key.h"
#include "net/reactor.h"

namespace muster::edge::checks {
namespace {

constexpr auto connect_limit = std::chrono::seconds(8);
constexpr auto answer_limit = std::chrono::seconds(6);
// A service that is there answers in no time, but a board may just be busy.
constexpr auto service_limit = std::chrono::seconds(10);

template <class Settings>
const Result<Settings>& once(std::optional<Result<Settings>>& kept, const Paths& paths) {
    if (!kept) kept.emplace(Settings::load(paths));
    return *kept;
}

// Beside what else is asked; on the spot when there is no thread for it.
template <class Ask>
auto begin(Ask ask) {
    return std::async(std::move(ask)).share();
}

// Any answer will do: it says that the service runs, or that systemd has started it for this question.
Result<> ask_socket(const std::filesystem::path& socket) {
    net::ClientOptions how;
    how.connect = how.request = service_limit;
    MUSTER_TRY(const auto http, net::HttpClient::create("unix://" + socket.string(), nullptr, how));
    net::HttpRequest request;
    request.method = "GET";
    request.target = "/?api-version=2020-09-01";
    MUSTER_CHECK(http->send_blocking(std::move(request)));
    return {};
}

bool took_too_long(const Error& error) {
    for (const auto* at = &error; at != nullptr; at = at->cause())
        if (at->code() == Errc::timeout) return true;
    return false;
}

}  // namespace

Outcome needs(std::string_view what) {
    return Outcome::skipped(fmt::format("{} cannot be read", what));
}

std::optional<Outcome> misses(Device& device, Service service) {
    if (device.answers(service)) return std::nullopt;
    return Outcome::skipped(
        fmt::format("{0} does not answer (see {1}-running)", unit_name(service), short_name(service)));
}

std::string with_port(std::string_view host, std::string_view port) {
    const auto after_name = host.starts_with('[') ? host.find(']') : 0;
    if (host.find(':', after_name) != std::string_view::npos) return std::string(host);
    return fmt::format("{}:{}", host, port);
}

const Result<keyd::Settings>& Device::keyd() {
    return once(keyd_, paths);
}

const Result<certd::Settings>& Device::certd() {
    return once(certd_, paths);
}

const Result<identityd::Settings>& Device::identityd() {
    return once(identityd_, paths);
}

std::optional<std::string> Device::identity_certificate() {
    const auto& settings = identityd();
    if (!settings || settings->source == identityd::Source::none) return std::nullopt;
    const auto* x509 = std::get_if<identityd::X509Settings>(&settings->credential);
    return x509 != nullptr ? std::optional(x509->certificate_id) : std::nullopt;
}

const Result<>& Device::answers(Service service) {
    const auto ask = [this](Service which) {
        auto& asked = services_[which];
        if (!asked.valid()) asked = begin([socket = paths.socket(which)] { return ask_socket(socket); });
    };
    for (const auto steady : steady_services) ask(steady);
    ask(service);
    return services_[service].get();
}

identityd::Neighbours Device::neighbours() const {
    return {keyd::Client(paths.socket(Service::keyd), service_limit),
            certd::Client(paths.socket(Service::certd), service_limit),
            tpmd::Client(paths.socket(Service::tpmd), service_limit)};
}

Result<pki::CertificateChain> Device::certificate(const std::string& id) {
    if (const auto& reached = answers(Service::certd); !reached) {
        if (!certd()) return fail(reached.error());
        MUSTER_TRY(const auto pem, certd::CertificateFiles(certd()->home, certd()->preloaded).load(id));
        return pki::parse_chain(pem);
    }
    MUSTER_TRY(const auto pem, net::run_blocking(neighbours().certificates.load(id)));
    return pki::parse_chain(pem);
}

Result<pki::PublicKey> Device::ask_public_half(const std::string& id) {
    if (keys_take_too_long_)
        return fail(Errc::timeout, "aziot-keyd is not asked for \"{}\": another key took too long", id);
    const auto keys = neighbours().keys;
    const auto handle = keys.load_pair_blocking(id);
    const auto key = handle ? keyd::remote_key(keys, *handle) : fail(handle.error());
    if (key) return key->public_key();
    keys_take_too_long_ = took_too_long(key.error());
    return fail(key.error());
}

const Result<pki::PublicKey>& Device::public_half(const std::string& id) {
    const auto known = public_halves_.find(id);
    if (known != public_halves_.end()) return known->second;
    return public_halves_.emplace(id, ask_public_half(id)).first->second;
}

std::optional<identityd::DeviceIdentity> Device::identity() {
    const auto& settings = identityd();
    if (!settings || settings->source == identityd::Source::none) return std::nullopt;
    if (settings->source == identityd::Source::manual)
        return identityd::DeviceIdentity{
            settings->manual.hub, settings->gateway.value_or(settings->manual.hub), settings->manual.device_id, {}};
    const auto stored = identityd::read_identity(settings->home);
    return stored ? std::optional(*stored) : std::nullopt;
}

std::optional<std::string> Device::hub() {
    if (!options.iothub_hostname.empty()) return options.iothub_hostname;
    const auto known = identity();
    return known ? std::optional(known->gateway) : std::nullopt;
}

net::ProxyRules Device::proxy() {
    if (!options.proxy_uri.empty()) return {options.proxy_uri, {}};
    return identityd() ? identityd()->cloud.proxy : net::ProxyRules();
}

identityd::CloudSettings Device::cloud() {
    auto settings = identityd() ? identityd()->cloud : identityd::CloudSettings();
    settings.proxy = proxy();
    settings.timeout = answer_limit;
    settings.retries = 0;
    return settings;
}

Result<std::shared_ptr<net::HttpClient>> Device::client(const std::string& host_and_port, bool through_proxy) {
    net::ClientOptions how;
    how.connect = connect_limit;
    how.request = answer_limit;
    if (through_proxy) how.proxy = proxy().on_the_way_to(net::host_of(host_and_port));
    auto tls = std::make_shared<net::ClientTls>();
    for (const auto& file : cloud().authorities) {
        MUSTER_TRY(auto pem, read_file(file));
        tls->extra_ca_pem.push_back(std::move(pem));
    }
    return net::HttpClient::create("https://" + host_and_port, tls, how);
}

void Device::begin_to_connect(const std::string& where, bool through_proxy) {
    auto& begun = connections_[{where, through_proxy}];
    if (begun.valid()) return;
    begun = begin([http = client(where, through_proxy)]() -> Result<> {
        if (!http) return fail(http.error());
        return (*http)->try_to_connect_blocking();
    });
}

const Result<>& Device::connected(const std::string& where, bool through_proxy) {
    begin_to_connect(where, through_proxy);
    return connections_[{where, through_proxy}].get();
}

void Device::begin_to_ask_the_time() {
    if (clock_offset_.valid()) return;
    clock_offset_ = begin([server = options.ntp_server, &clock = clock] { return ask_ntp(server, clock); });
}

const Result<std::chrono::milliseconds>& Device::clock_offset() {
    begin_to_ask_the_time();
    return clock_offset_.get();
}

Result<Device::DatedAnswer> Device::date_of(const std::string& where) {
    MUSTER_TRY(const auto http, client(where, true));
    net::HttpRequest request;
    request.method = "GET";
    request.target = "/";
    DatedAnswer answer{std::nullopt, clock.now()};
    MUSTER_TRY(const auto response, http->send_blocking(std::move(request)));
    answer.date = identityd::date_of(response);
    return answer;
}

}  // namespace muster::edge::checks
