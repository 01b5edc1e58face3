#include "edge/check/device.h"

#include "base/file.h"
#include "edge/certd/certificate_files.h"
#include "edge/identityd/cloud_answer.h"
#include "net/reactor.h"

namespace muster::edge::checks {
namespace {

constexpr auto connect_limit = std::chrono::seconds(10);
constexpr auto answer_limit = std::chrono::seconds(5);

template <class Settings>
const Result<Settings>& once(std::optional<Result<Settings>>& kept, const Paths& paths) {
    if (!kept) kept.emplace(Settings::load(paths));
    return *kept;
}

}  // namespace

Outcome needs(std::string_view what) {
    return Outcome::skipped(fmt::format("{} cannot be read", what));
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

Result<pki::CertificateChain> Device::certificate(const std::string& id) {
    auto pem = net::run_blocking(certificates().load(id));
    if (!pem && pem.error().code() == Errc::unavailable && certd())
        pem = certd::CertificateFiles(certd()->home, certd()->preloaded).load(id);
    if (!pem) return fail(pem.error());
    return pki::parse_chain(*pem);
}

std::optional<std::string> Device::hub() {
    if (!options.iothub_hostname.empty()) return options.iothub_hostname;
    const auto& settings = identityd();
    if (!settings) return std::nullopt;
    if (settings->gateway) return settings->gateway;
    if (settings->source == identityd::Source::manual) return settings->manual.hub;
    // The file alone: opening identityd's state would tidy up behind a daemon that is writing.
    const auto path = settings->home / "device_info";
    const auto text = read_file(path);
    const auto stored = text ? parse_toml(*text, path.string()) : fail(text.error());
    const auto name = stored ? string_or(*stored, "hub_name") : std::string();
    return name.empty() ? std::nullopt : std::optional(name);
}

Result<std::shared_ptr<net::HttpClient>> Device::client(const std::string& host_and_port, bool through_proxy) {
    net::ClientOptions how;
    how.connect = connect_limit;
    how.request = answer_limit;
    auto tls = std::make_shared<net::ClientTls>();
    if (const auto& settings = identityd()) {
        for (const auto& file : settings->cloud.authorities) {
            MUSTER_TRY(auto pem, read_file(file));
            tls->extra_ca_pem.push_back(std::move(pem));
        }
        how.proxy = settings->cloud.proxy.on_the_way_to(net::host_of(host_and_port));
    }
    if (!options.proxy_uri.empty()) how.proxy = options.proxy_uri;
    if (!through_proxy) how.proxy.reset();
    return net::HttpClient::create("https://" + host_and_port, tls, how);
}

Result<Device::ServiceAnswer> Device::ask_service() {
    const auto& settings = identityd();
    if (!settings) return fail(settings.error());
    std::string host;
    if (settings->source == identityd::Source::dps)
        host = settings->dps.global_endpoint.substr(std::string_view("https://").size());
    else if (const auto known = hub())
        host = *known;
    if (host.empty()) return fail(Errc::not_found, "the device has no service to ask");
    MUSTER_TRY(const auto http, client(host, true));
    net::HttpRequest request;
    request.method = "GET";
    request.target = "/";
    ServiceAnswer answer{host, std::nullopt, clock.now()};
    MUSTER_TRY(const auto response, http->send_blocking(std::move(request)));
    answer.date = identityd::date_of(response);
    return answer;
}

const Result<Device::ServiceAnswer>& Device::service_answer() {
    if (!answer_) answer_.emplace(ask_service());
    return *answer_;
}

}  // namespace muster::edge::checks
