#include "edge/service/local_call.h"

#include "base/text.h"
#include "net/http_client.h"

namespace muster::edge {
namespace {

Errc code_of(int status) {
    if (status == 401 || status == 403) return Errc::forbidden;
    if (status == 404) return Errc::not_found;
    if (status == 429) return Errc::throttled;
    return status < 500 ? Errc::invalid_argument : Errc::internal;
}

// A message as the daemons write it (edge/service/router.h): a sentence, its causes, what mends it, a line each.
struct Told {
    std::string sentence;
    std::string hint;
};
Told read_message(std::string_view text) {
    constexpr std::string_view cause = "caused by: ";
    constexpr std::string_view mend = "to mend it: ";
    Told told;
    for (auto line : split(text, '\n')) {
        if (line.starts_with(mend)) {
            told.hint = line.substr(mend.size());
            continue;
        }
        if (line.starts_with(cause)) line.remove_prefix(cause.size());
        told.sentence += (told.sentence.empty() ? "" : ": ") + std::string(line);
    }
    return told;
}

Error refusal(const LocalService& service, const net::HttpResponse& response) {
    const auto body = parse_json_object(response.body);
    auto told = read_message(body ? string_or(*body, "message", "no reason given") : "no reason given");
    return Error(code_of(response.status),
                 fmt::format("{} answered {}: {}", service.name, response.status, told.sentence))
        .with_hint(std::move(told.hint));
}

}  // namespace

Task<Result<json::object>> call_local(LocalService service, std::string method, std::string path, json::object body) {
    net::ClientOptions options;
    options.connect = std::chrono::seconds(5);
    options.request = service.patience;
    MUSTER_CO_TRY(const auto client, net::HttpClient::create("unix://" + service.socket.string(), nullptr, options));
    net::HttpRequest request;
    request.target = fmt::format("{}?api-version={}", path, service.api_version);
    if (method != "GET") {
        request.headers.add("Content-Type", "application/json");
        request.body = json::serialize(body);
    }
    request.method = std::move(method);
    auto response = co_await client->send(std::move(request));
    if (!response)
        co_return fail(response.error()
                           .wrap(Errc::unavailable, fmt::format("{} cannot be reached", service.name))
                           .with_hint("iotedge system status"));
    if (response->status >= 300) co_return fail(refusal(service, *response));
    if (response->body.empty()) co_return json::object{};
    co_return parse_json_object(response->body);
}

bool says_not_found(const Error& error) {
    return error.code() == Errc::invalid_argument && error.message().ends_with(" not found");
}

}  // namespace muster::edge
