// Hubs and webhooks, reached over HTTPS. Connecting to a hub is for any thread, asking webhooks for one.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/http_client.h"
#include "provisioning/outside.h"

namespace muster::links {

struct WebhookSettings {
    std::string ca_pem;  // when given, a webhook must chain to it; else to the operating system's store
    std::chrono::milliseconds timeout{5'000};  // of one question, connecting included
    Secret signing_key;
};

class Https final : public provisioning::Outside {
public:
    Https(const Clock& clock, WebhookSettings webhooks) : clock_(clock), webhooks_(std::move(webhooks)) {}

    Result<std::unique_ptr<provisioning::HubClient>> connect(const provisioning::LinkedHub& hub) override;
    Task<Result<provisioning::WebhookReply>> ask_webhook(const std::string& url, std::string body) override;

private:
    Result<std::shared_ptr<net::HttpClient>> take_client(const std::string& origin);

    const Clock& clock_;
    WebhookSettings webhooks_;
    std::map<std::string, std::vector<std::shared_ptr<net::HttpClient>>> kept_;  // by origin
};

}  // namespace muster::links
