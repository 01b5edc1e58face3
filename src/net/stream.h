// A connected, non-blocking stream socket, plain or under TLS, with waiting left to the caller's coroutine.
//
// TLS works on the socket itself: no BIO pair and no buffers of ours, so that an idle connection holds next to nothing.
#pragma once

#include <openssl/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <memory>
#include <span>
#include <string_view>

#include "base/task.h"

namespace muster::net {

struct SslDeleter {
    void operator()(SSL* ssl) const;
};
using SslPtr = std::unique_ptr<SSL, SslDeleter>;

enum class Io {
    done,
    want_read,   // nothing moved; wait until the socket is readable and try again
    want_write,  // likewise
    closed,      // the peer has ended its side
    failed,      // errno or the OpenSSL error queue says why
};

struct IoStep {
    Io state;
    std::size_t bytes = 0;
};

class Stream {
public:
    // Owns `fd`, which must be non-blocking.
    Stream(const boost::asio::any_io_executor& executor, int fd);

    // Puts TLS on top; the SSL is set to accept or connect state already. False when memory is short.
    bool use_tls(SslPtr ssl);
    // The SSL of another Stream on the same descriptor (see release()).
    void resume_tls(SslPtr ssl) { ssl_ = std::move(ssl); }
    SSL* tls() const { return ssl_.get(); }
    int fd() { return socket_.native_handle(); }

    IoStep try_handshake();
    IoStep try_read(std::span<char> into);
    // May take a part only.
    IoStep try_write(std::string_view bytes);

    // Until the socket is ready for `want` (want_read or want_write). False when cancel() ended the wait.
    Task<bool> wait(Io want);
    // All of it; false when the connection failed or cancel() was called.
    Task<bool> write_all(std::string_view bytes);

    // Ends waits, now and later. From the thread of the executor.
    void cancel();
    // Ends the wait of now alone; it says false.
    void interrupt();
    bool cancelled() const { return cancelled_; }

    // close_notify when under TLS, then the end of our sending side. Does not wait.
    void end_output();

    // Leaves the executor: the socket and its TLS, to be taken up by another Stream.
    struct Parts {
        int fd;
        SslPtr ssl;
    };
    Parts release();

private:
    IoStep tls_step(int result, std::size_t bytes);

    boost::asio::posix::stream_descriptor socket_;
    SslPtr ssl_;
    bool cancelled_ = false;
    bool broken_ = false;  // a fatal TLS or socket error: nothing more may be sent
};

}  // namespace muster::net
