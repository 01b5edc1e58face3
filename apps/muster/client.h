// The public HTTPS API as calls: signed, paged, and with errors that say what was refused and why.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "muster/connection.h"
#include "net/http_client.h"

namespace muster::cli {

inline constexpr const char* provisioning_api = "2021-10-01";
inline constexpr const char* hub_api = "2021-04-12";
inline constexpr const char* muster_api = "2026-11-01";

struct Call {
    std::string what;  // completes "cannot ...": "show enrollment \"dev-1\""
    std::string method = "GET";
    std::string path;  // "/enrollments/dev-1", percent-encoded
    std::string api_version = provisioning_api;
    std::optional<json::value> body = std::nullopt;
    std::string if_match = {};         // the ETag as the body of an answer carries it; empty for none
    std::string if_none_match = {};    // "*": only when there is none yet
    std::string quoted_if_match = {};  // the same for the hub, whose bodies carry it without the quotes
    std::string not_found_hint = {};   // what to do when there is no such thing
};

struct Listing {
    Call call;
    std::optional<std::size_t> top = std::nullopt;  // stop after so many; nothing for all
    bool page_as_top = false;                       // the hub's listing takes its page as ?top=
    std::size_t page = 250;                         // items asked for at a time; fewer when they are large
    std::string continuation = {};                  // where to go on, as after_page was told; empty: from the start
    std::function<Result<>(const std::string& continuation)> after_page = {};  // empty: it was the last
};

struct ListingResult {
    std::size_t items = 0;
    bool more = false;  // the service holds more than `top`
};

class ServiceClient {
public:
    static Result<ServiceClient> create(Target target, TimePoint now);

    // The answer's JSON; null for an answer without a body.
    Result<json::value> call(const Call& call);
    Result<json::object> call_object(const Call& call);
    // The answer's body as it came, for what is not JSON.
    Result<std::string> text(const Call& call);
    // One page in memory at a time.
    Result<ListingResult> list(const Listing& listing, const std::function<Result<>(const json::object&)>& each);

    const Target& target() const { return target_; }

private:
    ServiceClient(Target target, TimePoint now) : target_(std::move(target)), now_(now) {}
    Result<net::HttpResponse> send(const Call& call, const net::Headers& headers);
    // The next page of at most `wanted` items, by halves when that many are more than one answer may hold.
    Result<net::HttpResponse> send_page(const Listing& listing, const std::string& continuation, std::size_t& wanted);

    // The clock of the command, gone on since.
    TimePoint now() const;

    Target target_;
    TimePoint now_;
    std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
    std::shared_ptr<net::HttpClient> http_;
};

// What commands that send many calls at once are made of.
Result<std::shared_ptr<net::HttpClient>> open_connection(const Target& target);
net::HttpRequest make_request(const Call& call, const Target& target, TimePoint now);
// No answer came: why, and what mends it.
Error transport_error(const Error& error, const Target& target, const Call& call);
// The error that an answer of status 400 and above is, from the envelope of either plane.
Error error_of_answer(const net::HttpResponse& response, const Call& call);

}  // namespace muster::cli
