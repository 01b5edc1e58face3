#include "net/http_client.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/bytes.h"
#include "base/text.h"
#include "net/answer_reader.h"
#include "net/client_tls.h"
#include "net/deadline.h"
#include "net/http_target.h"
#include "net/lookup.h"
#include "net/reactor.h"
#include "net/stream.h"
#include "net/tls_error.h"

namespace muster::net {

namespace asio = boost::asio;

namespace {

bool idempotent(const std::string& method) {
    return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" || method == "OPTIONS";
}

int connecting_socket(int family) {
    const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    if (fd >= 0 && family != AF_UNIX) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

std::string serialize(const HttpRequest& request, const std::string& host) {
    std::string out = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", request.method, request.target, host);
    for (const auto& [name, value] : request.headers) {
        if (equals_ignore_case(name, "Host") || equals_ignore_case(name, "Content-Length")) continue;
        out.append(name).append(": ").append(value).append("\r\n");
    }
    const bool usual_body = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
    if (!request.body.empty() || usual_body) out.append(fmt::format("Content-Length: {}\r\n", request.body.size()));
    out.append("\r\n").append(request.body);
    return out;
}

// A line break inside would start a header, or a request, of its own.
bool safe_to_send(const HttpRequest& request) {
    const auto clean = [](std::string_view text) {
        return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
    };
    if (!clean(request.method) || request.target.find_first_of(" \r\n\t") != std::string::npos) return false;
    return std::all_of(request.headers.begin(), request.headers.end(),
                       [&](const auto& field) { return clean(field.first) && clean(field.second); });
}

}  // namespace

struct HttpClient::State {
    HttpTarget target;
    ClientContext tls;
    ClientOptions options;
    Stream::Parts kept{-1, {}};  // between requests: a connection bound to no loop
    ServerVerdict verdict;

    ~State() { drop_kept(); }

    void drop_kept() {
        if (kept.ssl) SSL_shutdown(kept.ssl.get());
        kept.ssl.reset();
        if (kept.fd >= 0) ::close(std::exchange(kept.fd, -1));
    }

    std::unique_ptr<Stream> take_kept(const asio::any_io_executor& executor);
    Task<Result<std::unique_ptr<Stream>>> open();
    Task<Result<int>> connect_tcp(Deadline& deadline);
    Task<Result<int>> connect_unix();
    Task<Result<>> ask_proxy(Stream& stream, Deadline& deadline);
    Task<Result<>> shake_hands(Stream& stream, Deadline& deadline);
    Task<Result<>> read_answer(Stream& stream, AnswerReader& reader, const Deadline& deadline);
    // `answered`: at least a part of an answer came.
    Task<Result<HttpResponse>> exchange(std::unique_ptr<Stream> stream, const HttpRequest& request, bool& answered);
    Error read_error(const Deadline& deadline, bool failed) const;
};

// The kept connection, unless the server has ended it meanwhile.
std::unique_ptr<Stream> HttpClient::State::take_kept(const asio::any_io_executor& executor) {
    if (kept.fd < 0) return nullptr;
    auto stream = std::make_unique<Stream>(executor, std::exchange(kept.fd, -1));
    // use_tls would put a new BIO in: the SSL keeps the one it has, on the same descriptor.
    if (kept.ssl) stream->resume_tls(std::move(kept.ssl));
    std::array<char, 1> byte{};
    // Nothing is expected now but, under TLS, tickets and key updates, which the read swallows.
    return stream->try_read(byte).state == Io::want_read ? std::move(stream) : nullptr;
}

Task<Result<int>> HttpClient::State::connect_unix() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (target.unix_path.size() >= sizeof address.sun_path) {
        co_return fail(Errc::invalid_argument, "the socket path {} is too long", target.unix_path);
    }
    std::memcpy(address.sun_path, target.unix_path.c_str(), target.unix_path.size() + 1);
    const int fd = connecting_socket(AF_UNIX);
    if (fd >= 0 && ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) co_return fd;
    const int number = errno;
    if (fd >= 0) ::close(fd);
    const auto system = errno_error(fmt::format("cannot connect to {}", target.unix_path), number);
    co_return fail(Error(number == EACCES ? Errc::forbidden : Errc::unavailable, system.message()));
}

Task<Result<int>> HttpClient::State::connect_tcp(Deadline& deadline) {
    const auto executor = co_await asio::this_coro::executor;
    MUSTER_CO_TRY(const auto found, co_await look_up(target.connect.host, target.connect.port, deadline));
    const auto where = target.connect.text();
    boost::system::error_code last = asio::error::host_not_found;
    for (const auto& endpoint : found) {
        asio::ip::tcp::socket socket(executor);
        deadline.on_passed([&] { socket.close(); });
        const auto [error] = co_await socket.async_connect(endpoint, asio::as_tuple(asio::use_awaitable));
        deadline.on_passed(nullptr);
        if (deadline.passed()) co_return fail(Errc::timeout, "connecting to {} took too long", where);
        if (!error) {
            socket.set_option(asio::ip::tcp::no_delay(true), last);
            co_return socket.release();
        }
        last = error;
    }
    co_return fail(Errc::unavailable, "cannot connect to {}: {}", where, last.message());
}

Task<Result<>> HttpClient::State::ask_proxy(Stream& stream, Deadline& deadline) {
    const auto destination = target.via->text();
    HttpRequest request{"CONNECT", destination, {}, {}};
    if (!target.proxy_authorization.empty()) request.headers.add("Proxy-Authorization", target.proxy_authorization);
    const auto failed = [&](std::string_view why) {
        return fail(deadline.passed() ? Errc::timeout : Errc::unavailable, "proxy {}: {}", target.connect.text(), why);
    };
    if (!co_await stream.write_all(serialize(request, destination))) co_return failed("the connection ended");
    // Byte by byte up to the empty line: what follows belongs to TLS. Like an answer to HEAD it has no body.
    AnswerReader reader("HEAD", 0);
    for (auto state = ParseState::need_more; state != ParseState::done;) {
        char byte = 0;
        const auto step = stream.try_read({&byte, 1});
        if (step.state == Io::want_read && co_await stream.wait(step.state)) continue;
        if (step.state == Io::done) state = reader.put({&byte, 1});
        if (step.state != Io::done || state == ParseState::failed) co_return failed("no proper answer to CONNECT");
    }
    const int status = reader.take_response().status;
    if (status / 100 != 2) co_return failed(fmt::format("refused CONNECT to {} with status {}", destination, status));
    co_return Result<>();
}

Task<Result<>> HttpClient::State::shake_hands(Stream& stream, Deadline& deadline) {
    verdict = {};
    MUSTER_CO_TRY(auto ssl, new_client_connection(tls.get(), target.host.host, verdict));
    if (!stream.use_tls(std::move(ssl))) co_return fail(tls_setup_error("cannot set up TLS"));
    for (;;) {
        const auto step = stream.try_handshake();
        if (step.state == Io::done) co_return Result<>();
        const bool waits = step.state == Io::want_read || step.state == Io::want_write;
        if (waits && co_await stream.wait(step.state)) continue;
        if (deadline.passed()) co_return fail(Errc::timeout, "the TLS handshake with {} took too long", target.text);
        co_return fail(handshake_error(target.text, verdict));
    }
}

Task<Result<std::unique_ptr<Stream>>> HttpClient::State::open() {
    const auto executor = co_await asio::this_coro::executor;
    Deadline deadline(executor, options.connect);
    const bool local = !target.unix_path.empty();
    auto connected = local ? co_await connect_unix() : co_await connect_tcp(deadline);
    if (!connected) co_return std::unexpected(std::move(connected).error());
    auto stream = std::make_unique<Stream>(executor, *connected);
    if (local || target.plain) co_return stream;
    deadline.on_passed([&] { stream->cancel(); });
    if (target.via) MUSTER_CO_CHECK(co_await ask_proxy(*stream, deadline));
    MUSTER_CO_CHECK(co_await shake_hands(*stream, deadline));
    co_return stream;
}

Error HttpClient::State::read_error(const Deadline& deadline, bool failed) const {
    if (deadline.passed()) return Error(Errc::timeout, fmt::format("no answer from {} in time", target.text));
    if (!failed)
        return Error(Errc::unavailable, fmt::format("{} closed the connection without an answer", target.text));
    // TLS 1.3 tells a refused client certificate only here, as an alert.
    const auto reason = ERR_GET_REASON(ERR_peek_last_error());
    const bool alert = reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256;
    return Error(alert ? Errc::unauthorized : Errc::unavailable,
                 fmt::format("connection to {} failed: {}", target.text, tls_failure_text()));
}

Task<Result<>> HttpClient::State::read_answer(Stream& stream, AnswerReader& reader, const Deadline& deadline) {
    std::vector<char> buffer(16 * 1024);
    for (auto state = ParseState::need_more; state != ParseState::done;) {
        const auto step = stream.try_read(buffer);
        switch (step.state) {
            case Io::done: state = reader.put({buffer.data(), step.bytes}); break;
            case Io::want_read:
            case Io::want_write:
                if (co_await stream.wait(step.state)) continue;
                co_return fail(read_error(deadline, false));
            case Io::closed:
                // Without a length the end of the connection is the end of the answer.
                if (reader.begun() && reader.put_eof() == ParseState::done) co_return Result<>();
                co_return fail(read_error(deadline, false));
            case Io::failed: co_return fail(read_error(deadline, true));
        }
        if (state == ParseState::failed) co_return fail(reader.error(target.text));
    }
    co_return Result<>();
}

Task<Result<HttpResponse>> HttpClient::State::exchange(std::unique_ptr<Stream> stream, const HttpRequest& request,
                                                       bool& answered) {
    Deadline deadline(co_await asio::this_coro::executor, options.request);
    deadline.on_passed([&] { stream->cancel(); });
    if (!co_await stream->write_all(serialize(request, target.host_header)) && deadline.passed()) {
        co_return fail(Errc::timeout, "{} did not take the request in time", target.text);
    }
    // After a failed write the answer may still be there: a server that refuses a large body answers early.
    AnswerReader reader(request.method, options.body_bytes);
    const auto read = co_await read_answer(*stream, reader, deadline);
    answered = reader.begun();
    deadline.on_passed(nullptr);
    if (!read) co_return std::unexpected(read.error());
    const bool keep = reader.leaves_connection_usable();
    if (keep) {
        kept = stream->release();
    } else {
        stream->end_output();
    }
    auto response = reader.take_response();
    response.close = !keep;
    co_return response;
}

HttpClient::HttpClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpClient::~HttpClient() = default;

Result<std::shared_ptr<HttpClient>> HttpClient::create(const std::string& base_url,
                                                       const std::shared_ptr<const ClientTls>& tls,
                                                       ClientOptions options) {
    auto state = std::make_unique<State>();
    MUSTER_TRY(state->target, read_target(base_url, options));
    if (state->target.unix_path.empty() && !state->target.plain) {
        const ClientTls system_trust;
        MUSTER_TRY(state->tls, make_client_context(tls ? *tls : system_trust));
    }
    state->options = std::move(options);
    return std::shared_ptr<HttpClient>(new HttpClient(std::move(state)));
}

Task<Result<HttpResponse>> HttpClient::send(HttpRequest request) {
    if (!safe_to_send(request)) co_return fail(Errc::invalid_argument, "the request holds control characters");
    auto stream = state_->take_kept(co_await asio::this_coro::executor);
    const bool reused = stream != nullptr;
    bool answered = false;
    if (reused) {
        auto response = co_await state_->exchange(std::move(stream), request, answered);
        const bool stale = !response && !answered && response.error().code() == Errc::unavailable;
        if (!stale || !idempotent(request.method)) co_return response;
    }
    auto opened = co_await state_->open();
    if (!opened) co_return std::unexpected(std::move(opened).error());
    co_return co_await state_->exchange(std::move(*opened), request, answered);
}

Result<HttpResponse> HttpClient::send_blocking(HttpRequest request) {
    return run_blocking(send(std::move(request)));
}

Result<> HttpClient::try_to_connect_blocking() {
    const auto attempt = [](State& state) -> Task<Result<>> {
        MUSTER_CO_CHECK(co_await state.open());
        co_return Result<>();
    };
    return run_blocking(attempt(*state_));
}

void HttpClient::close() {
    state_->drop_kept();
}

}  // namespace muster::net
