#include "edge/supervisor/client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "base/bytes.h"
#include "net/http_client.h"

namespace muster::edge::supervisor {
namespace {

// Tells "not there" from "not allowed", which an HTTP client does not.
Result<> reachable(const std::filesystem::path& socket) {
    if (::access(socket.c_str(), R_OK | W_OK) == 0) return {};
    if (errno == EACCES)
        return fail(Error(Errc::forbidden, fmt::format("{} belongs to another user", socket.string()))
                        .with_hint("run it with sudo"));
    return fail(Error(Errc::not_found, "the device's services are not running").with_hint("aziotd run"));
}

}  // namespace

Result<json::object> Client::call(std::string method, std::string target, std::string body) const {
    MUSTER_CHECK(reachable(socket_));
    net::ClientOptions options;
    options.request = std::chrono::seconds(60);
    MUSTER_TRY(const auto client, net::HttpClient::create("unix://" + socket_.string(), nullptr, options));
    net::HttpRequest request;
    request.method = std::move(method);
    request.target = std::move(target);
    if (!body.empty()) request.headers.set("Content-Type", "application/json");
    request.body = std::move(body);
    auto response = client->send_blocking(std::move(request));
    if (!response) {
        if (response.error().code() == Errc::unavailable)
            return fail(
                Error(Errc::not_found, "the device's services are not running: nobody answers at " + socket_.string())
                    .with_hint("aziotd run"));
        return fail(response.error().wrap("the supervisor does not answer"));
    }
    if (response->status == 204) return json::object{};
    MUSTER_TRY(auto object, parse_json_object(response->body));
    if (response->status != 200)
        return fail(Errc::internal, "the supervisor refuses: {}", string_or(object, "message"));
    return object;
}

Result<> Client::command(std::string target, std::string body) const {
    MUSTER_CHECK(call("POST", std::move(target), std::move(body)));
    return {};
}

Result<> Client::set_log_level(const std::string& level) const {
    return command("/set-log-level", json::serialize(json::object{{"level", level}}));
}

Result<std::vector<ServiceReport>> Client::status() const {
    MUSTER_TRY(const auto body, call("GET", "/status", {}));
    std::vector<ServiceReport> out;
    for (const auto& entry : body.at("services").as_array()) {
        const auto& object = entry.as_object();
        ServiceReport report{string_or(object, "name"), string_or(object, "state"), string_or(object, "reason"), {}};
        for (const auto& line : object.at("lastLines").as_array()) report.last_lines.emplace_back(line.as_string());
        out.push_back(std::move(report));
    }
    return out;
}

Result<LogPage> Client::logs(std::optional<std::size_t> lines, std::uint64_t after, std::optional<TimePoint> since,
                             std::chrono::milliseconds wait) const {
    std::string target = fmt::format("/logs?after={}&wait={}", after, wait.count());
    if (lines) target += fmt::format("&lines={}", *lines);
    if (since) target += "&since=" + percent_encode(format_utc(*since));
    MUSTER_TRY(const auto body, call("GET", std::move(target), {}));
    LogPage page;
    page.newest = body.at("newest").to_number<std::uint64_t>();
    for (const auto& entry : body.at("lines").as_array()) {
        const auto& object = entry.as_object();
        page.lines.push_back({parse_utc(string_or(object, "time")).value_or(TimePoint()), string_or(object, "service"),
                              string_or(object, "text")});
    }
    return page;
}

}  // namespace muster::edge::supervisor
