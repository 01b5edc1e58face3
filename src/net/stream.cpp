#include "net/stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>

#include <cerrno>

#include "net/socket_bio.h"

namespace muster::net {

namespace asio = boost::asio;

void SslDeleter::operator()(SSL* ssl) const {
    SSL_free(ssl);
}

Stream::Stream(const asio::any_io_executor& executor, int fd) : socket_(executor, fd) {
    boost::system::error_code ignored;
    socket_.native_non_blocking(true, ignored);
}

bool Stream::use_tls(SslPtr ssl) {
    auto* bio = new_socket_bio(fd());
    if (!bio) return false;
    SSL_set_bio(ssl.get(), bio, bio);
    ssl_ = std::move(ssl);
    return true;
}

IoStep Stream::tls_step(int result, std::size_t bytes) {
    if (result == 1) return {Io::done, bytes};
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ: return {Io::want_read};
        case SSL_ERROR_WANT_WRITE: return {Io::want_write};
        case SSL_ERROR_ZERO_RETURN: return {Io::closed};
        default: broken_ = true; return {Io::failed};
    }
}

IoStep Stream::try_handshake() {
    ERR_clear_error();
    errno = 0;
    return tls_step(SSL_do_handshake(ssl_.get()), 0);
}

IoStep Stream::try_read(std::span<char> into) {
    errno = 0;
    if (ssl_) {
        ERR_clear_error();
        std::size_t bytes = 0;
        const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &bytes);
        return tls_step(result, bytes);
    }
    const auto got = ::recv(fd(), into.data(), into.size(), 0);
    if (got > 0) return {Io::done, static_cast<std::size_t>(got)};
    if (got == 0) return {Io::closed};
    return {errno == EAGAIN || errno == EINTR ? Io::want_read : Io::failed};
}

IoStep Stream::try_write(std::string_view bytes) {
    errno = 0;
    if (ssl_) {
        ERR_clear_error();
        std::size_t written = 0;
        const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
        return tls_step(result, written);
    }
    const auto sent = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) return {Io::done, static_cast<std::size_t>(sent)};
    return {errno == EAGAIN || errno == EINTR ? Io::want_write : Io::failed};
}

Task<bool> Stream::wait(Io want) {
    if (cancelled_) co_return false;
    const auto direction =
        want == Io::want_write ? asio::posix::descriptor_base::wait_write : asio::posix::descriptor_base::wait_read;
    const auto [error] = co_await socket_.async_wait(direction, asio::as_tuple(asio::use_awaitable));
    co_return !error && !cancelled_;
}

Task<bool> Stream::write_all(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto step = try_write(bytes);
        switch (step.state) {
            case Io::done: bytes.remove_prefix(step.bytes); break;
            case Io::want_read:
            case Io::want_write:
                if (!co_await wait(step.state)) co_return false;
                break;
            default: co_return false;
        }
    }
    co_return true;
}

void Stream::cancel() {
    cancelled_ = true;
    interrupt();
}

void Stream::interrupt() {
    boost::system::error_code ignored;
    if (socket_.is_open()) socket_.cancel(ignored);
}

void Stream::end_output() {
    if (!socket_.is_open()) return;
    if (ssl_ && !broken_ && SSL_is_init_finished(ssl_.get())) {
        ERR_clear_error();
        SSL_shutdown(ssl_.get());
    }
    ::shutdown(fd(), SHUT_WR);
}

Stream::Parts Stream::release() {
    return {socket_.release(), std::move(ssl_)};
}

}  // namespace muster::net
