#include "links/outside.h"

#include "links/hub_client.h"
#include "links/url.h"
#include "provisioning/webhook.h"

namespace muster::links {
namespace {

constexpr std::size_t most_kept = 8;      // of one origin
constexpr std::size_t most_origins = 64;  // with connections that are kept
constexpr std::size_t largest_answer = 256 * 1024;

}  // namespace

Result<std::unique_ptr<provisioning::HubClient>> Https::connect(const provisioning::LinkedHub& hub) {
    return RegistryClient::create(hub, clock_);
}

Result<std::shared_ptr<net::HttpClient>> Https::take_client(const std::string& origin) {
    if (auto& kept = kept_[origin]; !kept.empty()) {
        auto client = std::move(kept.back());
        kept.pop_back();
        return client;
    }
    net::ClientTls tls;
    if (!webhooks_.ca_pem.empty()) {
        tls.trust_system_store = false;
        tls.extra_ca_pem.push_back(webhooks_.ca_pem);
    }
    net::ClientOptions options;
    options.connect = webhooks_.timeout;
    options.request = webhooks_.timeout;
    options.body_bytes = largest_answer;
    return net::HttpClient::create(origin, std::make_shared<const net::ClientTls>(std::move(tls)), options);
}

Task<Result<provisioning::WebhookReply>> Https::ask_webhook(const std::string& url, std::string body) {
    const auto [origin, target] = split_url(url);
    MUSTER_CO_TRY(const auto client, take_client(origin));
    net::HttpRequest request{"POST", target, {}, std::move(body)};
    request.headers.add("Content-Type", "application/json; charset=utf-8");
    request.headers.add("Accept", "application/json");
    request.headers.add(std::string(provisioning::webhook_signature_header),
                        provisioning::webhook_signature(webhooks_.signing_key.bytes(), clock_.now(), request.body));
    auto answer = co_await client->send(std::move(request));
    if (kept_.size() > most_origins) kept_.clear();
    if (auto& kept = kept_[origin]; kept.size() < most_kept) kept.push_back(client);
    if (!answer) co_return std::unexpected(std::move(answer).error());
    co_return provisioning::WebhookReply{answer->status, std::move(answer->body)};
}

}  // namespace muster::links
