#include "net/connection.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/text.h"
#include "net/server_tls.h"
#include "net/tls_error.h"

namespace muster::net {
namespace {

// A peer that always has more to say must let the others of its reactor speak.
constexpr unsigned reads_at_a_stretch = 16;
constexpr auto forever = Monotonic::time_point::max();

// A browser or curl that speaks plain HTTP to the TLS port gets told so, in plain HTTP.
bool spoke_plain_http() {
    return ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_HTTP_REQUEST;
}

constexpr std::string_view plain_http_answer =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 37\r\n\r\n"
    "this port speaks TLS, not plain http\n";

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
            connection->wake_if_due(now);
        }
    }
}

const std::string& Shard::date() {
    const auto now = std::time(nullptr);
    if (now == date_second_) return date_;
    date_second_ = now;
    std::tm parts{};
    if (::gmtime_r(&now, &parts) == nullptr) return date_;  // a year beyond what there is
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

void Connection::become_idle(Monotonic::time_point until) {
    if (!is_idle_) shard_->idle.splice(shard_->idle.end(), shard_->busy, place_);
    is_idle_ = true;
    deadline_ = until;
}

void Connection::become_busy(std::chrono::milliseconds limit) {
    if (is_idle_) shard_->busy.splice(shard_->busy.end(), shard_->idle, place_);
    is_idle_ = false;
    deadline_ = limit == std::chrono::milliseconds::max() ? forever : Monotonic::now() + limit;
}

void Connection::evict() {
    become_busy(std::chrono::milliseconds::max());  // not to be chosen again before its coroutine has ended
    stream_.cancel();
}

void Connection::wake_if_due(Monotonic::time_point now) {
    if (wake_ <= now) stream_.interrupt();
}

Task<> Connection::run(std::shared_ptr<ServerTls> tls) {
    if (tls && !co_await handshake(*tls)) co_return;
    tls.reset();
    co_await serve();
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

Task<StreamRead> ConnectionStream::read_some(Monotonic::time_point deadline, Monotonic::time_point wake) {
    auto& c = connection_;
    auto& scratch = c.shard_->scratch;
    if (!received_.empty()) {
        const auto bytes = received_.copy(scratch.data(), scratch.size());
        received_ = received_.substr(bytes);
        co_return StreamRead{{scratch.data(), bytes}};
    }
    if (Monotonic::now() >= deadline) co_return StreamRead{{}, StreamEnd::timed_out};  // it may never have to wait
    if (++unbroken_ % reads_at_a_stretch == 0) co_await boost::asio::post(boost::asio::use_awaitable);
    for (;;) {
        const auto step = c.stream_.try_read(scratch);
        if (step.state == Io::done) {
            c.become_busy(std::chrono::milliseconds::max());  // the handler bounds its own waits
            co_return StreamRead{{scratch.data(), step.bytes}};
        }
        if (step.state == Io::closed || step.state == Io::failed) co_return StreamRead{{}, StreamEnd::closed};
        if (c.shard_->draining) co_return StreamRead{{}, StreamEnd::leaving};
        if (Monotonic::now() >= wake) co_return StreamRead{{}, StreamEnd::woken};
        c.become_idle(deadline);
        unbroken_ = 0;
        c.wake_ = wake;
        const bool ready = co_await c.stream_.wait(step.state);
        c.wake_ = forever;
        // An interrupted wait looks once more: what came in the meantime goes before the waking up.
        if (!ready && c.stream_.cancelled())
            co_return StreamRead{{}, c.overdue() ? StreamEnd::timed_out : StreamEnd::leaving};
    }
}

Task<bool> ConnectionStream::write_all(std::string_view bytes) {
    connection_.become_busy(connection_.shard_->common->limits.write);
    const bool written = co_await connection_.stream_.write_all(bytes);
    connection_.become_busy(std::chrono::milliseconds::max());
    co_return written;
}

Task<> ConnectionStream::close() {
    co_await connection_.linger();
}

}  // namespace muster::net
