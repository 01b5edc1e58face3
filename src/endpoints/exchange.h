// One request with what every front needs of it: its path in pieces, its tracking id, its credentials, its body.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "endpoints/device_registration.h"
#include "net/http_server.h"

namespace muster::endpoints {

class Exchange {
public:
    Exchange(const Services& services, const net::HttpRequest& request, const net::Peer& peer);

    const Services& services;
    const net::HttpRequest& request;
    const net::Peer& peer;
    const std::string tracking_id;  // a guid; in the answer, the error and the log
    const std::vector<std::string>& segments() const { return segments_; }
    bool path_is_broken() const { return path_is_broken_; }

    bool is(std::string_view method) const { return request.method == method; }
    // A fixed word of the path, compared without case; false when the path is shorter.
    bool segment_is(std::size_t index, std::string_view word) const;

    std::string api_version() const;  // empty when missing or not of the form of one
    std::optional<std::string> if_match() const;
    // The JSON object of the body; an empty body is {}.
    Result<json::object> body() const;

    // Before the first of those below: what was changed at another musterd counts from then on. Errc::unavailable when
    // nobody can tell.
    Task<Result<>> take_newest_policies();
    // The policy that the Authorization header proves, if it has the right. Errc::unauthorized.
    Result<const access::Policy*> authorize(access::Right right) const;
    // Any policy at all.
    Result<const access::Policy*> authenticate() const;
    bool has_authorization() const { return !request.headers.get("Authorization").empty(); }

private:
    // The policies as they were when the request came: what was found in them stays.
    std::shared_ptr<const access::Policies> policies_;
    std::vector<std::string> segments_;
    bool path_is_broken_ = false;
};

// Answers with a JSON body and the headers every answer carries.
net::HttpResponse json_answer(const Exchange& exchange, int status, const json::value& body);
net::HttpResponse empty_answer(const Exchange& exchange, int status);

// {errorCode, trackingId, message, timestampUtc}: the provisioning service's envelope.
net::HttpResponse provisioning_error(const Exchange& exchange, const Error& error);
// {Message: "ErrorCode:Name;text", ExceptionMessage: "Tracking ID:..."}: the hub's.
net::HttpResponse hub_error(const Exchange& exchange, const Error& error);

Error method_not_allowed(const Exchange& exchange, std::string_view allowed);
Error no_such_path(const Exchange& exchange);

// Who asks for a change, for the journal.
store::Origin origin_of(const Exchange& exchange, const access::Policy& policy);

// The page that x-ms-max-item-count and x-ms-continuation ask for, and a page as an answer.
Result<provisioning::PageRequest> page_request(const Exchange& exchange);
net::HttpResponse page_answer(const Exchange& exchange, provisioning::PageOf page, std::string_view item_type);

// A change that an operator made, for the log.
void log_change(const Exchange& exchange, const access::Policy& policy, std::string_view what, const Result<>& outcome);

}  // namespace muster::endpoints
