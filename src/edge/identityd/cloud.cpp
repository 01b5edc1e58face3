#include "edge/identityd/cloud.h"

#include "base/file.h"
#include "base/log.h"
#include "edge/identityd/cloud_answer.h"

namespace muster::edge::identityd {
namespace {

constexpr std::chrono::seconds tolerable_clock_error{60};
constexpr std::chrono::seconds most_from_gateway = std::chrono::hours(24);

Result<std::shared_ptr<net::ClientTls>> trust(const CloudSettings& settings) {
    auto tls = std::make_shared<net::ClientTls>();
    for (const auto& file : settings.authorities) {
        auto pem = read_file(file);
        if (!pem)
            return fail(
                pem.error()
                    .wrap(Errc::unavailable, "cannot read the file of certificate authorities")
                    .with_hint(fmt::format("the user aziotid must be able to read it: chmod 644 {}", file.string())));
        tls->extra_ca_pem.push_back(std::move(*pem));
    }
    return tls;
}

}  // namespace

Result<std::shared_ptr<CloudClient>> CloudClient::create(CloudTarget target, CredentialPtr credential,
                                                         const CloudSettings& settings) {
    static const SystemClock clock;
    return create(std::move(target), std::move(credential), settings, clock);
}

Result<std::shared_ptr<CloudClient>> CloudClient::create(CloudTarget target, CredentialPtr credential,
                                                         const CloudSettings& settings, const Clock& clock) {
    MUSTER_TRY(const auto tls, trust(settings));
    credential->present(*tls);
    net::ClientOptions options;
    options.connect = std::min<std::chrono::milliseconds>(settings.timeout, std::chrono::seconds(30));
    options.request = settings.timeout;
    options.proxy = settings.proxy.on_the_way_to(net::host_of(target.url));
    MUSTER_TRY(auto http, net::HttpClient::create(target.url, tls, options));
    return std::shared_ptr<CloudClient>(
        new CloudClient(std::move(target), std::move(credential), std::move(http), clock));
}

Task<Result<net::HttpResponse>> CloudClient::send_authorized(net::HttpRequest request, bool& with_token) {
    const auto now = clock_.now() + clock_error_;
    MUSTER_CO_TRY(auto token, co_await credential_->authorize(target_.resource, target_.policy, now));
    with_token = !token.empty();
    if (with_token) request.headers.add("Authorization", std::move(token));
    co_return co_await http_->send(std::move(request));
}

bool CloudClient::learn_time(const net::HttpResponse& response) {
    const auto theirs = date_of(response);
    if (!theirs) return false;
    const auto error = std::chrono::floor<std::chrono::seconds>(*theirs - clock_.now());
    if (std::chrono::abs(error - clock_error_) <= tolerable_clock_error) return false;
    if (target_.via_gateway && std::chrono::abs(error) > most_from_gateway) {
        log::warn("the gateway's time is too far from this device's to be taken; set the clock of the wrong one",
                  {{"gateway", target_.url}, {"differenceSeconds", std::to_string(error.count())}});
        return false;
    }
    log::warn("this device's clock is not the service's; signing with the service's time",
              {{"differenceSeconds", std::to_string(error.count())}});
    clock_error_ = error;
    return true;
}

Task<Result<net::HttpResponse>> CloudClient::send(net::HttpRequest request) {
    bool with_token = false;
    auto response = co_await send_authorized(request, with_token);
    if (!response || response->status != 401 || !with_token || !learn_time(*response)) co_return response;
    co_return co_await send_authorized(std::move(request), with_token);
}

}  // namespace muster::edge::identityd
