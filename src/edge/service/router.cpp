#include "edge/service/router.h"

#include "base/log.h"
#include "base/text.h"
#include "edge/service/daemon.h"

namespace muster::edge {
namespace {

bool is_json(std::string_view content_type) {
    return equals_ignore_case(trim(content_type.substr(0, content_type.find(';'))), "application/json");
}

// The ids of the path, when the pattern fits it.
std::optional<std::vector<std::string>> match(std::string_view pattern, const std::vector<std::string>& segments) {
    const auto parts = split(pattern.substr(1), '/');
    if (parts.size() != segments.size()) return std::nullopt;
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (parts[i] == "{}") {
            if (segments[i].empty()) return std::nullopt;
            ids.push_back(segments[i]);
        } else if (parts[i] != segments[i]) {
            return std::nullopt;
        }
    }
    return ids;
}

Result<> check_member(const json::object& body, const Member& member) {
    const auto* value = find_member(body, member.name);
    if (value == nullptr) {
        if (!member.required) return {};
        return fail(Errc::invalid_argument, "the body lacks the member \"{}\"", member.name);
    }
    const bool fits = member.kind == Member::Kind::string ? value->is_string() : value->is_object();
    if (fits) return {};
    return fail(Errc::invalid_argument, "the member \"{}\" must be {}", member.name,
                member.kind == Member::Kind::string ? "a string" : "an object");
}

// The body as the route wants it, or the refusal.
std::expected<json::object, net::HttpResponse> read_body(const Route& route, const net::HttpRequest& request) {
    const bool takes_content = request.method == "POST" || request.method == "PUT";
    if (takes_content && !route.body.empty() && !is_json(request.headers.get("content-type")))
        return std::unexpected(error_response(415, "the request must have Content-Type: application/json"));
    if (route.body.empty()) return json::object{};
    auto body = parse_json_object(request.body);
    if (!body) return std::unexpected(error_response(422, error_text(body.error())));
    for (const auto& member : route.body)
        if (auto fits = check_member(*body, member); !fits)
            return std::unexpected(error_response(422, error_text(fits.error())));
    return std::move(*body);
}

// A wrong or unknown id is everyday business ("is there such a certificate?") and no warning.
void log_failure(const Route& route, uid_t uid, int status, const Error& error) {
    const auto level = status >= 500 ? log::Level::error : status == 400 ? log::Level::info : log::Level::warn;
    log::write(level, "request refused",
               {{"method", route.method},
                {"path", route.pattern},
                {"uid", uid},
                {"status", status},
                {"reason", error.chain()}});
}

net::HttpResponse json_response(int status, const json::value& body) {
    net::HttpResponse response;
    response.status = status;
    if (body.is_null()) return response;
    response.headers.add("Content-Type", "application/json");
    response.body = json::serialize(body);
    return response;
}

}  // namespace

int usual_status(const Error& error) {
    switch (error.code()) {
        case Errc::unauthorized:
        case Errc::forbidden: return 401;
        case Errc::throttled: return 429;
        case Errc::too_large: return 413;
        case Errc::invalid_argument:
        case Errc::not_found:
        case Errc::already_exists:
        case Errc::precondition_failed:
        case Errc::conflict:
        case Errc::unsupported: return 400;
        case Errc::timeout:
        case Errc::unavailable:
        case Errc::io:
        case Errc::internal: break;
    }
    return 500;
}

std::string error_text(const Error& error) {
    std::string text = error.message();
    for (const auto* cause = error.cause(); cause != nullptr; cause = cause->cause())
        text += "\ncaused by: " + cause->message();
    if (const auto hint = hint_of(error); !hint.empty()) text += "\nto mend it: " + hint;
    return text;
}

net::HttpResponse error_response(int status, std::string_view message) {
    auto response = json_response(status, json::object{{"message", as_utf8(message)}});
    if (status == 429) response.headers.add("Retry-After", "1");
    return response;
}

Router::Router(std::vector<std::string_view> versions, std::vector<Route> routes, StatusOf status_of,
               Admission::Limits limits, QueueOf queue_of)
    : versions_(std::move(versions)),
      routes_(std::move(routes)),
      status_of_(std::move(status_of)),
      limits_(limits),
      queue_of_(std::move(queue_of)) {}

Result<std::string_view> Router::version_of(const net::HttpRequest& request) const {
    const auto asked = request.parameter("api-version");
    if (!asked) return fail(Errc::invalid_argument, "api-version not specified");
    for (const auto version : versions_)
        if (version == *asked) return version;
    return fail(Errc::invalid_argument, "invalid api-version \"{}\"; known: {}", printable(*asked, 40),
                fmt::join(versions_, ", "));
}

Router::Found Router::find(const net::HttpRequest& request) const {
    Found found;
    const auto segments = net::path_segments(request.path());
    bool known_path = false, known_verb = false;
    if (segments) {
        for (const auto& route : routes_) {
            auto ids = match(route.pattern, *segments);
            if (!ids) continue;
            known_path = true;
            if (route.method != request.method) continue;
            known_verb = true;
            found.route = &route;
            found.ids = std::move(*ids);
        }
    }
    if (!known_path) {
        found.refusal = error_response(404, fmt::format("no such path: {}", printable(request.path())));
    } else if (const auto version = version_of(request); !version) {
        found.route = nullptr;
        found.refusal = error_response(400, version.error().message());
    } else if (!known_verb) {
        found.refusal =
            error_response(400, fmt::format("{} has no method {}", printable(request.path()), request.method));
    } else if (*version < found.route->since) {
        found.refusal = error_response(400, fmt::format("{} {} needs api-version {} or later, not {}", request.method,
                                                        printable(request.path()), found.route->since, *version));
        found.route = nullptr;
    }
    return found;
}

Task<net::HttpResponse> Router::run(const Route& route, Call call) {
    auto& queue = queues_.try_emplace(queue_of_ ? queue_of_(call) : std::string(), limits_).first->second;
    if (!co_await queue.enter(call.uid)) {
        log::warn("too many requests of one user", {{"uid", call.uid}, {"path", route.pattern}});
        co_return error_response(429, "too many requests of this user at once; try again after a second");
    }
    const auto uid = call.uid;
    std::optional<Result<Reply>> result;
    try {
        result.emplace(co_await route.handler(std::move(call)));
    } catch (const std::exception& failure) {
        result.emplace(fail(Errc::internal, "unexpected: {}", failure.what()));
    }
    queue.leave(uid);
    if (*result) co_return json_response((*result)->status, (*result)->body);
    const auto& error = result->error();
    const auto status = status_of_(error);
    log_failure(route, uid, status, error);
    co_return error_response(status, error_text(error));
}

Task<net::HttpResponse> Router::handle(const net::HttpRequest& request, const net::Peer& peer) {
    if (!peer.credentials) co_return error_response(401, "the caller's user is unknown");
    auto found = find(request);
    if (found.route == nullptr) co_return std::move(found.refusal);
    auto body = read_body(*found.route, request);
    if (!body) co_return std::move(body.error());
    Call call;
    call.ids = std::move(found.ids);
    call.body = std::move(*body);
    call.uid = peer.credentials->uid;
    call.request = &request;
    log::debug("request", {{"method", request.method}, {"target", printable(request.target)}, {"uid", call.uid}});
    co_return co_await run(*found.route, std::move(call));
}

}  // namespace muster::edge
