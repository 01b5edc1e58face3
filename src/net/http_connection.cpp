#include "net/http_connection.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <ctime>
#include <iterator>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "net/server_tls.h"
#include "net/tls_error.h"

namespace muster::net {
namespace {

constexpr auto forever = Monotonic::time_point::max();

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
    out.append(keep ? "\r\n" : "Connection: close\r\n\r\n");
    if (!head_only && body_allowed(response.status)) out.append(response.body);
    return out;
}

// A browser or curl that speaks plain HTTP to the TLS port gets told so, in plain HTTP.
bool spoke_plain_http() {
    return ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_HTTP_REQUEST;
}

constexpr std::string_view plain_http_answer =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 39\r\n\r\n"
    "this port speaks https, not plain http\n";

}  // namespace

bool Shard::close_oldest_idle() {
    if (idle.empty()) return false;
    idle.front()->evict();
    return true;
}

void Shard::close_overdue(Monotonic::time_point now) {
    for (auto* list : {&busy, &idle}) {
        for (auto* connection : *list) {
            if (connection->deadline() <= now) connection->abort();
        }
    }
}

const std::string& Shard::date() {
    const auto now = std::time(nullptr);
    if (now == date_second_) return date_;
    date_second_ = now;
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    char text[32];
    date_.assign(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts));
    return date_;
}

Connection::Connection(std::shared_ptr<Shard> shard, int fd, Peer peer)
    : shard_(std::move(shard)),
      place_(shard_->busy.insert(shard_->busy.end(), this)),
      deadline_(Monotonic::now() + shard_->common->limits.handshake),
      stream_(shard_->context.get_executor(), fd),
      peer_(std::move(peer)) {
    ++shard_->common->open;
    ++shard_->common->total;
}

Connection::~Connection() {
    (is_idle_ ? shard_->idle : shard_->busy).erase(place_);
    --shard_->common->open;
}

void Connection::become_idle() {
    if (!is_idle_) shard_->idle.splice(shard_->idle.end(), shard_->busy, place_);
    is_idle_ = true;
    deadline_ = Monotonic::now() + shard_->common->limits.idle;
}

void Connection::become_busy(std::chrono::milliseconds limit) {
    if (is_idle_) shard_->busy.splice(shard_->busy.end(), shard_->idle, place_);
    is_idle_ = false;
    deadline_ = limit == std::chrono::milliseconds::max() ? forever : Monotonic::now() + limit;
}

void Connection::evict() {
    become_busy(std::chrono::milliseconds(0));  // not to be chosen again before its coroutine has ended
    stream_.cancel();
}

Task<> Connection::run(std::shared_ptr<ServerTls> tls) {
    if (tls && !co_await handshake(*tls)) co_return;
    tls.reset();
    co_await serve_requests();
    stream_.end_output();
}

Task<bool> Connection::handshake(ServerTls& tls) {
    auto ssl = tls.state().new_connection();
    if (!ssl || !stream_.use_tls(std::move(ssl))) co_return false;
    for (;;) {
        const auto step = stream_.try_handshake();
        if (step.state == Io::done) break;
        if (step.state == Io::want_read || step.state == Io::want_write) {
            if (co_await stream_.wait(step.state)) continue;
        } else {
            note_failed_handshake();
        }
        ++shard_->common->handshakes_failed;
        co_return false;
    }
    peer_.tls = true;
    peer_.chain = presented_chain(stream_.tls());
    if (const char* name = SSL_get_servername(stream_.tls(), TLSEXT_NAMETYPE_host_name))
        peer_.server_name = to_lower(name);
    co_return true;
}

void Connection::note_failed_handshake() {
    if (spoke_plain_http())
        (void)::send(stream_.fd(), plain_http_answer.data(), plain_http_answer.size(), MSG_NOSIGNAL);
    if (!log::enabled(log::Level::debug)) return;
    log::debug("TLS handshake failed", {{"peer", peer_.address}, {"reason", tls_failure_text()}});
}

Task<> Connection::serve_requests() {
    const auto& limits = shard_->common->limits;
    for (;;) {
        RequestParser parser(limits.header_bytes, limits.body_bytes);
        switch (co_await read_request(parser)) {
            case Got::nothing: co_return;
            case Got::refused: co_return co_await refuse(parser.error_status(), parser.error_text());
            case Got::late: co_return co_await refuse(408, "the request did not arrive in time");
            case Got::request: break;
        }
        ++shard_->common->requests;
        ++served_;
        become_busy(std::chrono::milliseconds::max());  // the handler bounds its own waits
        const auto& request = parser.request();
        const auto response = co_await handle(request);
        const bool keep =
            parser.keep_alive() && !response.close && !shard_->draining && served_ < limits.requests_per_connection;
        if (!co_await answer(request, response, keep) || !keep) co_return;
    }
}

ParseState Connection::feed(RequestParser& parser, std::string_view bytes) {
    const auto step = parser.put(bytes);
    pending_.assign(bytes.substr(step.consumed));
    return step.state;
}

ParseState Connection::feed_pending(RequestParser& parser) {
    const auto step = parser.put(pending_);
    pending_.erase(0, step.consumed);
    if (pending_.empty()) pending_ = {};
    return step.state;
}

Connection::Got Connection::interrupted(bool begun) const {
    return begun && Monotonic::now() >= deadline_ ? Got::late : Got::nothing;
}

Task<Connection::Got> Connection::read_request(RequestParser& parser) {
    const auto& limits = shard_->common->limits;
    auto state = ParseState::need_more;
    bool begun = !pending_.empty();
    if (!begun) {
        become_idle();
        if (shard_->draining) co_return Got::nothing;
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
            if (parser.expects_continue() && !co_await stream_.write_all("HTTP/1.1 100 Continue\r\n\r\n")) {
                co_return Got::nothing;
            }
        }
        const auto step = stream_.try_read(shard_->scratch);
        if (step.state == Io::want_read || step.state == Io::want_write) {
            state = ParseState::need_more;  // the 100 is sent once
            if (!co_await stream_.wait(step.state)) co_return interrupted(begun);
            continue;
        }
        if (step.state != Io::done) co_return Got::nothing;
        begun = true;
        if (is_idle_) become_busy(limits.request);
        const std::string_view bytes(shard_->scratch.data(), step.bytes);
        state = pending_.empty() ? feed(parser, bytes) : (pending_.append(bytes), feed_pending(parser));
    }
    co_return state == ParseState::done ? Got::request : Got::refused;
}

Task<HttpResponse> Connection::handle(const HttpRequest& request) {
    try {
        co_return co_await shard_->common->handler(request, peer_);
    } catch (const std::exception& e) {
        log::error("request handler failed", {{"peer", peer_.address}, {"what", e.what()}});
    }
    HttpResponse response;
    response.status = 500;
    response.close = true;
    co_return response;
}

Task<bool> Connection::answer(const HttpRequest& request, const HttpResponse& response, bool keep) {
    become_busy(shard_->common->limits.write);
    const auto bytes = serialize(response, shard_->date(), request.method == "HEAD", keep);
    co_return co_await stream_.write_all(bytes);
}

Task<> Connection::refuse(int status, std::string_view text) {
    become_busy(shard_->common->limits.write);
    HttpResponse response;
    response.status = status;
    // JSON, as every API behind this server answers: there are clients that fall over anything else.
    response.headers.add("Content-Type", "application/json; charset=utf-8");
    response.body = boost::json::serialize(boost::json::object{{"message", text}});
    log::debug("request refused", {{"peer", peer_.address}, {"status", status}, {"reason", text}});
    if (!co_await stream_.write_all(serialize(response, shard_->date(), false, false))) co_return;
    co_await linger();
}

// Closing while the client still sends would make TCP drop our answer on the way: read on for a moment, within bounds.
Task<> Connection::linger() {
    become_busy(std::chrono::seconds(2));
    stream_.end_output();
    for (std::size_t total = 0; total < 1024 * 1024;) {
        const auto step = stream_.try_read(shard_->scratch);
        if (step.state == Io::done) total += step.bytes;
        if (step.state == Io::closed || step.state == Io::failed) co_return;
        if (step.state != Io::done && !co_await stream_.wait(step.state)) co_return;
    }
}

}  // namespace muster::net
