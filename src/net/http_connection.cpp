#include "net/http_connection.h"

#include <iterator>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "net/websocket.h"
#include "net/websocket_stream.h"

namespace muster::net {
namespace {

bool body_allowed(int status) {
    return status >= 200 && status != 204 && status != 304;
}

// A header value with a line break in it would let data pass for headers.
void append_header(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ");
    for (const char c : value) out.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
    out.append("\r\n");
}

std::string serialize(const HttpResponse& response, std::string_view date, bool head_only, bool keep) {
    std::string out;
    out.reserve(256 + response.body.size());
    fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status,
                   reason_phrase(response.status), date);
    for (const auto& [name, value] : response.headers) {
        if (!equals_ignore_case(name, "Content-Length") && !equals_ignore_case(name, "Connection")) {
            append_header(out, name, value);
        }
    }
    if (body_allowed(response.status)) {
        fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", response.body.size());
    }
    if (response.status == 101) out.append("Connection: Upgrade\r\n");
    out.append(keep ? "\r\n" : "Connection: close\r\n\r\n");
    if (!head_only && body_allowed(response.status)) out.append(response.body);
    return out;
}

}  // namespace

Task<> HttpConnection::serve() {
    if (const auto* handler = co_await serve_requests()) co_await serve_websocket(*handler);
}

Task<> HttpConnection::serve_websocket(const StreamHandler& handler) {
    ConnectionStream bytes(*this, std::exchange(pending_, {}));
    WebSocketStream frames(bytes);
    co_await handler(frames, peer());
}

Task<const StreamHandler*> HttpConnection::serve_requests() {
    const auto& limits = http_->limits;
    for (;;) {
        RequestParser parser(limits.header_bytes, limits.body_bytes);
        BudgetShare share(http_->budget);
        switch (co_await read_request(parser, share)) {
            case Got::nothing: co_return nullptr;
            case Got::refused: co_await refuse(parser.error_status(), parser.error_text()); co_return nullptr;
            case Got::crowded:
                co_await refuse(503, "too many large requests at once; try again later");
                co_return nullptr;
            case Got::late: co_await refuse(408, "the request did not arrive in time"); co_return nullptr;
            case Got::request: break;
        }
        ++http_->requests;
        ++served_;
        become_busy(std::chrono::milliseconds::max());  // the handler bounds its own waits
        const auto& request = parser.request();
        const auto upgrade = upgrade_to_websocket(request, http_->websockets);
        const auto response = upgrade ? upgrade->response : co_await handle(request);
        if (upgrade && upgrade->handler != nullptr)
            co_return co_await answer(request, response, true) ? upgrade->handler : nullptr;
        const bool keep =
            parser.keep_alive() && !response.close && !shard().draining && served_ < limits.requests_per_connection;
        if (!co_await answer(request, response, keep) || !keep) co_return nullptr;
    }
}

ParseState HttpConnection::feed(RequestParser& parser, std::string_view bytes) {
    const auto step = parser.put(bytes);
    pending_.assign(bytes.substr(step.consumed));
    return step.state;
}

ParseState HttpConnection::feed_pending(RequestParser& parser) {
    const auto step = parser.put(pending_);
    pending_.erase(0, step.consumed);
    if (pending_.empty()) pending_ = {};
    return step.state;
}

HttpConnection::Got HttpConnection::interrupted(bool begun) const {
    return begun && overdue() ? Got::late : Got::nothing;
}

Task<HttpConnection::Got> HttpConnection::read_request(RequestParser& parser, BudgetShare& share) {
    const auto& limits = http_->limits;
    auto state = ParseState::need_more;
    bool begun = !pending_.empty();
    if (!begun) {
        become_idle(Monotonic::now() + limits.idle);
        if (shard().draining) co_return Got::nothing;
    } else {
        become_busy(limits.request);
        state = feed_pending(parser);
    }
    while (state == ParseState::need_more || state == ParseState::header_done) {
        if (state == ParseState::header_done) {
            if (!pending_.empty()) {
                state = feed_pending(parser);
                continue;
            }
            if (parser.expects_continue() && !co_await stream().write_all("HTTP/1.1 100 Continue\r\n\r\n")) {
                co_return Got::nothing;
            }
        }
        const auto step = stream().try_read(shard().scratch);
        if (step.state == Io::want_read || step.state == Io::want_write) {
            state = ParseState::need_more;  // the 100 is sent once
            if (!co_await stream().wait(step.state)) co_return interrupted(begun);
            continue;
        }
        if (step.state != Io::done) co_return Got::nothing;
        begun = true;
        if (is_idle()) become_busy(limits.request);
        const std::string_view bytes(shard().scratch.data(), step.bytes);
        state = pending_.empty() ? feed(parser, bytes) : (pending_.append(bytes), feed_pending(parser));
        if (!share.hold(parser.body_held() + pending_.capacity())) co_return Got::crowded;
    }
    co_return state == ParseState::done ? Got::request : Got::refused;
}

Task<HttpResponse> HttpConnection::handle(const HttpRequest& request) {
    try {
        co_return co_await http_->handler(request, peer());
    } catch (const std::exception& e) {
        log::error("request handler failed", {{"peer", peer().address}, {"what", e.what()}});
    }
    HttpResponse response;
    response.status = 500;
    response.close = true;
    co_return response;
}

Task<bool> HttpConnection::answer(const HttpRequest& request, const HttpResponse& response, bool keep) {
    become_busy(http_->limits.write);
    const auto bytes = serialize(response, shard().date(), request.method == "HEAD", keep);
    co_return co_await stream().write_all(bytes);
}

Task<> HttpConnection::refuse(int status, std::string_view text) {
    become_busy(http_->limits.write);
    HttpResponse response;
    response.status = status;
    // JSON, as every API behind this server answers: there are clients that fall over anything else.
    response.headers.add("Content-Type", "application/json; charset=utf-8");
    response.body = boost::json::serialize(boost::json::object{{"message", text}});
    log::debug("request refused", {{"peer", peer().address}, {"status", status}, {"reason", text}});
    if (!co_await stream().write_all(serialize(response, shard().date(), false, false))) co_return;
    co_await linger();
}

}  // namespace muster::net
