// HTTPS to DPS and the hub, with the device's credential on every request.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/task.h"
#include "edge/identityd/credential.h"
#include "net/http_client.h"

namespace muster::edge::identityd {

// Where the requests of a client go and what their tokens are for.
struct CloudTarget {
    std::string url;           // "https://host[:port]"
    std::string resource;      // "{scope}/registrations/{id}" or "{hub}/devices/{id}"
    std::string policy;        // "registration" at DPS, empty at a hub
    bool via_gateway = false;  // another device stands there for the service
};

// One connection, kept between the requests; one request at a time.
class CloudClient {
public:
    // Through the proxy of the settings, unless they except the host. Errors: an unreadable file of authorities.
    static Result<std::shared_ptr<CloudClient>> create(CloudTarget target, CredentialPtr credential,
                                                       const CloudSettings& settings);
    // The same by a clock of the caller's, which outlives the client.
    static Result<std::shared_ptr<CloudClient>> create(CloudTarget target, CredentialPtr credential,
                                                       const CloudSettings& settings, const Clock& clock);

    // Errors as net::HttpClient's, and unavailable when the credential cannot sign. A token that the service refuses
    // while its Date and this device's clock differ is made anew with the service's time: boards have no clock to
    // trust. A gateway's time counts only within a day of this device's: it sees the tokens, and could have them last
    // for as long as it likes.
    Task<Result<net::HttpResponse>> send(net::HttpRequest request);

private:
    CloudClient(CloudTarget target, CredentialPtr credential, std::shared_ptr<net::HttpClient> http, const Clock& clock)
        : target_(std::move(target)), credential_(std::move(credential)), http_(std::move(http)), clock_(clock) {}

    Task<Result<net::HttpResponse>> send_authorized(net::HttpRequest request, bool& with_token);
    bool learn_time(const net::HttpResponse& response);

    CloudTarget target_;
    CredentialPtr credential_;
    std::shared_ptr<net::HttpClient> http_;
    const Clock& clock_;
    std::chrono::seconds clock_error_{0};  // what our clock lacks to the service's
};

}  // namespace muster::edge::identityd
