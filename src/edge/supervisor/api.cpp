#include "edge/supervisor/api.h"

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

namespace muster::edge::supervisor {
namespace {

constexpr std::size_t most_lines = 4 * LogBook::lines_per_service;
constexpr std::int64_t longest_wait = 30'000;

net::HttpResponse answer(int status, const json::value& body = nullptr) {
    net::HttpResponse response;
    response.status = status;
    if (body.is_null()) return response;
    response.headers.set("Content-Type", "application/json");
    response.body = json::serialize(body);
    return response;
}

net::HttpResponse refuse(int status, std::string_view message) {
    return answer(status, json::object{{"message", message}});
}

net::HttpResponse done(const Result<>& result) {
    if (result) return answer(204);
    return refuse(result.error().code() == Errc::conflict ? 409 : 500, result.error().chain());
}

json::value status_body(const Supervisor& supervisor) {
    json::array services;
    for (const auto& status : supervisor.status()) {
        json::array lines;
        for (const auto& line : status.last_lines) lines.emplace_back(line);
        services.push_back(json::object{{"name", status.name},
                                        {"state", to_string(status.state)},
                                        {"pid", status.pid},
                                        {"restarts", status.restarts},
                                        {"reason", status.reason},
                                        {"lastLines", std::move(lines)}});
    }
    return json::object{{"services", std::move(services)}};
}

struct LogQuery {
    std::size_t lines = most_lines;
    std::uint64_t after = 0;
    std::optional<TimePoint> since;
    std::int64_t wait = 0;
};

Result<LogQuery> parse_query(const net::HttpRequest& request) {
    LogQuery query;
    const auto number = [&](std::string_view name, auto& into) -> Result<> {
        const auto text = request.parameter(name);
        if (!text) return {};
        const auto value = parse_integer<std::decay_t<decltype(into)>>(*text);
        if (!value) return fail(Errc::invalid_argument, "{} must be a number", name);
        into = *value;
        return {};
    };
    MUSTER_CHECK(number("lines", query.lines));
    MUSTER_CHECK(number("after", query.after));
    MUSTER_CHECK(number("wait", query.wait));
    query.wait = std::clamp<std::int64_t>(query.wait, 0, longest_wait);
    if (const auto text = request.parameter("since")) {
        query.since = parse_utc(*text);
        if (!query.since) return fail(Errc::invalid_argument, "since must be an RFC 3339 time");
    }
    return query;
}

Task<net::HttpResponse> logs(Supervisor& supervisor, const net::HttpRequest& request) {
    const auto query = parse_query(request);
    if (!query) co_return refuse(400, query.error().chain());
    if (query->wait > 0) co_await supervisor.wait_for_line(query->after, std::chrono::milliseconds(query->wait));
    json::array lines;
    for (const auto& line : supervisor.logs().lines(std::min(query->lines, most_lines), query->after, query->since))
        lines.push_back(json::object{
            {"number", line.number}, {"time", format_utc(line.time)}, {"service", line.service}, {"text", line.text}});
    co_return answer(200, json::object{{"newest", supervisor.logs().newest()}, {"lines", std::move(lines)}});
}

net::HttpResponse set_log_level(Supervisor& supervisor, const net::HttpRequest& request) {
    const auto body = parse_json_object(request.body);
    if (!body) return refuse(422, body.error().chain());
    const auto level = required_string(*body, "level");
    if (!level) return refuse(422, level.error().chain());
    if (!log::parse_level(*level)) return refuse(400, "level must be error, warn, info, debug or trace");
    if (const auto set = supervisor.set_log_level(to_lower(*level)); !set) return refuse(500, set.error().chain());
    return answer(204);
}

Task<net::HttpResponse> handle(Supervisor& supervisor, const net::HttpRequest& request) {
    const auto path = request.path();
    if (request.method == "GET") {
        if (path == "/status") co_return answer(200, status_body(supervisor));
        if (path == "/logs") co_return co_await logs(supervisor, request);
        co_return refuse(404, "no such thing to ask for");
    }
    if (request.method != "POST") co_return refuse(400, "the verb must be GET or POST");
    if (path == "/restart") co_return done(co_await supervisor.obey(Supervisor::Command::restart));
    if (path == "/stop") co_return done(co_await supervisor.obey(Supervisor::Command::stop));
    if (path == "/reload") {
        supervisor.reload();
        co_return answer(204);
    }
    if (path == "/set-log-level") co_return set_log_level(supervisor, request);
    co_return refuse(404, "no such command");
}

}  // namespace

net::HttpHandler make_handler(Supervisor& supervisor) {
    return [&supervisor](const net::HttpRequest& request, const net::Peer&) { return handle(supervisor, request); };
}

}  // namespace muster::edge::supervisor
