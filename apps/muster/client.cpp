#include "muster/client.h"

#include <limits>

#include "base/text.h"
#include "base/version.h"
#include "muster/output.h"
#include "wire/sas.h"

namespace muster::cli {
namespace {

constexpr auto token_life = std::chrono::hours(1);
constexpr std::size_t longest_message = 2000;
constexpr std::size_t largest_answer = 16 * 1024 * 1024;

// {"errorCode", "message", "trackingId"} of the provisioning service, {"Message": "ErrorCode:Name;text"} of the hub.
struct Refusal {
    std::string message;
    std::string code;
    std::string tracking_id;
};

Refusal read_refusal(const net::HttpResponse& response) {
    Refusal refusal;
    const auto body = parse_json_object(response.body);
    if (!body) return refusal;
    refusal.message = string_or(*body, "message", string_or(*body, "Message"));
    refusal.code = text_at(*body, "errorCode");
    refusal.tracking_id = string_or(*body, "trackingId");
    if (refusal.message.starts_with("ErrorCode:")) {
        const auto end = refusal.message.find(';');
        refusal.code = refusal.message.substr(10, end == std::string::npos ? end : end - 10);
        refusal.message = end == std::string::npos ? std::string() : refusal.message.substr(end + 1);
    }
    // The hub's own text for it ("Tracking ID:...") leaves out what the log writes; the header is the same in both
    // planes.
    if (refusal.tracking_id.empty()) refusal.tracking_id = std::string(response.headers.get("x-ms-request-id"));
    return refusal;
}

Errc code_of_status(int status) {
    switch (status) {
        case 401: return Errc::unauthorized;
        case 403: return Errc::forbidden;
        case 404: return Errc::not_found;
        case 409: return Errc::conflict;
        case 412: return Errc::precondition_failed;
        case 413: return Errc::too_large;
        case 429: return Errc::throttled;
        default: return status >= 500 ? Errc::unavailable : Errc::invalid_argument;
    }
}

std::string hint_of_status(int status, const Call& call) {
    switch (status) {
        case 401:
            return "The key or the rights of the policy do not suffice. On the server, `muster connection-string` "
                   "lists "
                   "the policies and what\n  each may do.";
        case 404: return call.not_found_hint;
        case 412: return "Someone changed it meanwhile: look at it again, then repeat the command.";
        case 429: return "The service is busy: try again in a moment.";
        default: return {};
    }
}

std::string details(int status, const Refusal& refusal) {
    std::string text = fmt::format("HTTP {}", status);
    if (!refusal.code.empty()) text += fmt::format(", errorCode {}", printable(refusal.code));
    if (!refusal.tracking_id.empty()) text += fmt::format(", trackingId {}", printable(refusal.tracking_id));
    return text;
}

Result<std::vector<json::object>> page_of(const net::HttpResponse& response, const Call& call) {
    auto page = parse_json(response.body);
    if (!page || !page->is_array())
        return fail(Errc::invalid_argument, "cannot {}: the answer is not a JSON array", call.what);
    std::vector<json::object> items;
    for (auto& item : page->as_array()) {
        if (!item.is_object())
            return fail(Errc::invalid_argument, "cannot {}: the answer holds something else than objects", call.what);
        items.push_back(std::move(item.as_object()));
    }
    return items;
}

}  // namespace

Error transport_error(const Error& error, const Target& target, const Call& call) {
    auto outer = error.wrap(fmt::format("cannot {}: no answer from {}", call.what, target.base_url));
    // Only a certificate without a known issuer comes with a hint: a CA more does not mend another fault.
    if (error.code() == Errc::unauthorized && error.hint().empty()) {
        return std::move(outer).with_hint(
            "The service needs another certificate (section [tls] and host_name of musterd's configuration), or the "
            "clock of one\n  machine is wrong.");
    }
    if (error.code() == Errc::unauthorized) {
        return std::move(outer).with_hint(
            "The service's certificate is not trusted: name its CA with --ca FILE or MUSTER_CA. `muster trust` on the "
            "server prints it.");
    }
    if (error.code() == Errc::unavailable) return std::move(outer).with_hint(target.mend);
    return outer;
}

Error error_of_answer(const net::HttpResponse& response, const Call& call) {
    const auto refusal = read_refusal(response);
    const auto message = refusal.message.empty() ? std::string(net::reason_phrase(response.status)) : refusal.message;
    return Error(code_of_status(response.status), details(response.status, refusal))
        .wrap(fmt::format("cannot {}: {}", call.what, printable(message, longest_message)))
        .with_hint(hint_of_status(response.status, call));
}

Result<std::shared_ptr<net::HttpClient>> open_connection(const Target& target) {
    auto tls = std::make_shared<net::ClientTls>();
    tls->trust_system_store = target.trust_system_store;
    tls->extra_ca_pem = target.ca_pem;
    net::ClientOptions options;
    options.body_bytes = largest_answer;
    if (!target.connect_to.empty()) options.connect_to = target.connect_to;
    return net::HttpClient::create(target.base_url, tls, options);
}

net::HttpRequest make_request(const Call& call, const Target& target, TimePoint now) {
    net::HttpRequest request;
    request.method = call.method;
    request.target =
        fmt::format("{}{}api-version={}", call.path, call.path.contains('?') ? '&' : '?', call.api_version);
    request.headers.set("Authorization",
                        wire::make_sas(target.host, target.key.bytes(), target.policy, now + token_life));
    request.headers.set("Accept", "application/json");
    request.headers.set("User-Agent", fmt::format("muster/{}", version()));
    if (call.body) {
        request.headers.set("Content-Type", "application/json; charset=utf-8");
        request.body = json::serialize(*call.body);
    }
    if (!call.if_match.empty()) request.headers.set("If-Match", call.if_match);
    if (!call.if_none_match.empty()) request.headers.set("If-None-Match", call.if_none_match);
    if (!call.quoted_if_match.empty()) request.headers.set("If-Match", fmt::format("\"{}\"", call.quoted_if_match));
    return request;
}

Result<ServiceClient> ServiceClient::create(Target target, TimePoint now) {
    ServiceClient client(std::move(target), now);
    MUSTER_TRY(client.http_, open_connection(client.target_));
    return client;
}

TimePoint ServiceClient::now() const {
    return now_ + std::chrono::duration_cast<Micros>(std::chrono::steady_clock::now() - since_);
}

Result<net::HttpResponse> ServiceClient::send(const Call& call, const net::Headers& headers) {
    auto request = make_request(call, target_, now());
    for (const auto& [name, value] : headers) request.headers.set(name, value);
    auto response = http_->send_blocking(std::move(request));
    if (!response) return fail(transport_error(response.error(), target_, call));
    if (response->status >= 300) return fail(error_of_answer(*response, call));
    return response;
}

Result<json::value> ServiceClient::call(const Call& call) {
    MUSTER_TRY(const auto response, send(call, {}));
    if (response.body.empty()) return json::value();
    auto value = parse_json(response.body);
    if (!value) return fail(value.error().wrap(fmt::format("cannot {}: the answer is not JSON", call.what)));
    return value;
}

Result<json::object> ServiceClient::call_object(const Call& call) {
    MUSTER_TRY(auto value, this->call(call));
    if (!value.is_object())
        return fail(Errc::invalid_argument, "cannot {}: the answer is not a JSON object", call.what);
    return std::move(value.as_object());
}

Result<std::string> ServiceClient::text(const Call& call) {
    MUSTER_TRY(auto response, send(call, {}));
    return std::move(response.body);
}

Result<net::HttpResponse> ServiceClient::send_page(const Listing& listing, const std::string& continuation,
                                                   std::size_t& wanted) {
    for (;;) {
        auto call = listing.call;
        if (listing.page_as_top) call.path += fmt::format("?top={}", wanted);
        net::Headers headers;
        headers.set("x-ms-max-item-count", fmt::format("{}", wanted));
        if (!continuation.empty()) headers.set("x-ms-continuation", continuation);
        auto response = send(call, headers);
        if (response || response.error().code() != Errc::too_large || wanted == 1) return response;
        wanted /= 2;
    }
}

Result<ListingResult> ServiceClient::list(const Listing& listing,
                                          const std::function<Result<>(const json::object&)>& each) {
    const auto top = listing.top.value_or(std::numeric_limits<std::size_t>::max());
    auto page_size = listing.page;
    ListingResult result;
    auto continuation = listing.continuation;
    for (;;) {
        page_size = std::min(page_size, top - result.items);
        MUSTER_TRY(const auto response, send_page(listing, continuation, page_size));
        MUSTER_TRY(const auto page, page_of(response, listing.call));
        for (const auto& item : page) {
            if (result.items == top) return ListingResult{top, true};
            MUSTER_CHECK(each(item));
            ++result.items;
        }
        const std::string next(response.headers.get("x-ms-continuation"));
        if (listing.after_page) MUSTER_CHECK(listing.after_page(next));
        if (next.empty()) return result;
        if (result.items == top) return ListingResult{top, true};
        if (next == continuation)
            return fail(Errc::internal, "cannot {}: the service repeats a page", listing.call.what);
        continuation = next;
    }
}

}  // namespace muster::cli
