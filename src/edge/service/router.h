// The HTTP rules that keyd, certd and identityd share (facts/device.md 3.2), as one route table.
//
// api-version is mandatory and each route has its first one; unknown path 404, wrong verb or version 400, wrong content
// type 415, a body that is not JSON or lacks a member 422, more requests than the user may run 429 with Retry-After.
// Every error body is {"message"}: the sentence, then its causes and what mends it, each on a line of its own.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/json.h"
#include "base/task.h"
#include "edge/service/admission.h"
#include "net/http_server.h"

namespace muster::edge {

// A member of a request body that the router checks before the route sees it.
struct Member {
    enum class Kind { string, object };
    std::string_view name;
    Kind kind = Kind::string;
    bool required = true;
};

struct Call {
    std::vector<std::string> ids;  // the path's {} segments, decoded
    json::object body;             // empty when the route takes none
    uid_t uid = 0;
    const net::HttpRequest* request = nullptr;

    // A member that the route declared as a string; empty when it was optional and absent.
    std::string text(std::string_view name) const { return string_or(body, name); }
    const json::object& object(std::string_view name) const { return body.at(name).as_object(); }
};

struct Reply {
    int status = 200;
    json::value body;  // null: no body

    static Reply no_content() { return {204, nullptr}; }
};

// The reply that `make` makes of a good result (libstdc++ 12 has no expected::transform).
template <class Value, class Make>
Result<Reply> reply_with(Result<Value> result, Make make) {
    if (!result) return fail(std::move(result).error());
    if constexpr (std::is_void_v<Value>) {
        return make();
    } else {
        return make(std::move(*result));
    }
}

using RouteHandler = std::function<Task<Result<Reply>>(Call)>;

struct Route {
    std::string_view method;
    std::string_view pattern;  // "/keypair/{}"
    std::string_view since;    // the first api-version that has it (they compare as text)
    std::vector<Member> body;  // for routes that read one
    RouteHandler handler;
};

// The HTTP status of an error: forbidden 401, bad or unknown ids 400, throttled 429, the rest 500.
int usual_status(const Error& error);
// "sentence\ncaused by: ...\nto mend it: ...", as it stands in {"message"}.
std::string error_text(const Error& error);
net::HttpResponse error_response(int status, std::string_view message);

// For use from one reactor thread.
class Router {
public:
    using StatusOf = std::function<int(const Error&)>;
    // What a call may have to wait for, in few different words; the limits are those of a user in each of these queues,
    // so that whoever waits in one keeps nobody from another.
    using QueueOf = std::function<std::string(const Call&)>;

    Router(std::vector<std::string_view> versions, std::vector<Route> routes, StatusOf status_of,
           Admission::Limits limits = {}, QueueOf queue_of = {});

    Task<net::HttpResponse> handle(const net::HttpRequest& request, const net::Peer& peer);

private:
    struct Found {
        const Route* route = nullptr;
        std::vector<std::string> ids;
        net::HttpResponse refusal;
    };
    Found find(const net::HttpRequest& request) const;
    Result<std::string_view> version_of(const net::HttpRequest& request) const;
    Task<net::HttpResponse> run(const Route& route, Call call);

    std::vector<std::string_view> versions_;
    std::vector<Route> routes_;
    StatusOf status_of_;
    Admission::Limits limits_;
    QueueOf queue_of_;
    std::map<std::string, Admission> queues_;
};

}  // namespace muster::edge
