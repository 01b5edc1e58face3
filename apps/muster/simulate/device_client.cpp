#include "muster/simulate/device_client.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "net/address.h"
#include "net/client_tls.h"
#include "net/tls_error.h"

namespace muster::cli::simulate {
namespace {

// The server shows the same certificate to every device: verified once, it is recognised afterwards, so that the client
// spends its time on what a real device would and leaves the rest of the core to more devices.
int verify_once(X509_STORE_CTX* context, void*) {
    static thread_local std::unique_ptr<X509, decltype([](X509* x509) { X509_free(x509); })> known;
    X509* leaf = X509_STORE_CTX_get0_cert(context);
    if (known && X509_cmp(known.get(), leaf) == 0) return 1;
    const int ok = X509_verify_cert(context);
    if (ok == 1) {
        X509_up_ref(leaf);
        known.reset(leaf);
    }
    return ok;
}

Result<> look_up(const net::HostPort& where, Destination& destination) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(where.host.c_str(), std::to_string(where.port).c_str(), &hints, &found);
    if (error != 0) return fail(Errc::unavailable, "cannot look up {}: {}", where.host, ::gai_strerror(error));
    std::memcpy(&destination.address, found->ai_addr, found->ai_addrlen);
    destination.address_size = found->ai_addrlen;
    ::freeaddrinfo(found);
    return {};
}

}  // namespace

Result<Destination> make_destination(const std::string& host, std::uint16_t port, const std::string& connect_to,
                                     const std::string& ca_pem) {
    Destination destination;
    destination.host = host;
    destination.host_header = port == 443 ? host : net::HostPort{host, port}.text();
    net::HostPort where{host, port};
    if (!connect_to.empty()) {
        MUSTER_TRY(where, net::parse_host_port(connect_to, port));
    }
    MUSTER_CHECK(look_up(where, destination));
    net::ClientTls trust;
    trust.trust_system_store = ca_pem.empty();
    if (!ca_pem.empty()) trust.extra_ca_pem = {ca_pem};
    MUSTER_TRY(destination.tls, net::make_client_context(trust));
    SSL_CTX_set_cert_verify_callback(destination.tls.get(), verify_once, nullptr);
    return destination;
}

Error DeviceClient::failure(const char* step) const {
    if (given_up_) return Error(Errc::timeout, fmt::format("{}: no answer in time", step));
    return Error(Errc::unavailable, fmt::format("{}: {}", step, net::tls_failure_text()));
}

Task<Result<>> DeviceClient::connect(const DeviceIdentity& identity) {
    close();
    MUSTER_CO_CHECK(co_await connect_tcp());
    co_return co_await shake_hands(identity);
}

Task<Result<>> DeviceClient::connect_tcp() {
    const int fd = ::socket(destination_.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) co_return fail(errno_error("connect", errno));
    stream_ = std::make_unique<net::Stream>(executor_, fd);
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const auto* address = reinterpret_cast<const sockaddr*>(&destination_.address);
    if (::connect(fd, address, destination_.address_size) == 0) co_return Result<>();
    if (errno != EINPROGRESS) co_return fail(errno_error("connect", errno));
    if (!co_await stream_->wait(net::Io::want_write)) co_return fail(failure("connect"));
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) co_return fail(errno_error("connect", error));
    co_return Result<>();
}

Task<Result<>> DeviceClient::shake_hands(const DeviceIdentity& identity) {
    net::ServerVerdict verdict;
    MUSTER_CO_TRY(auto ssl, net::new_client_connection(destination_.tls.get(), destination_.host, verdict));
    SSL_use_certificate(ssl.get(), identity.chain.front().get());
    for (std::size_t i = 1; i < identity.chain.size(); ++i) SSL_add1_chain_cert(ssl.get(), identity.chain[i].get());
    if (SSL_use_PrivateKey(ssl.get(), identity.key.get()) != 1 || !stream_->use_tls(std::move(ssl))) {
        co_return fail(net::tls_setup_error("cannot set up TLS"));
    }
    for (;;) {
        const auto step = stream_->try_handshake();
        if (step.state == net::Io::done) co_return Result<>();
        const bool waits = step.state == net::Io::want_read || step.state == net::Io::want_write;
        if (waits && co_await stream_->wait(step.state)) continue;
        if (given_up_) co_return fail(failure("handshake"));
        co_return fail(net::handshake_error(destination_.host_header, verdict));
    }
}

Task<Result<>> DeviceClient::write(std::string_view bytes) {
    if (!co_await stream_->write_all(bytes)) co_return fail(failure("request"));
    co_return Result<>();
}

Task<Result<std::string>> DeviceClient::read() {
    std::array<char, 4096> buffer{};
    for (;;) {
        const auto step = stream_->try_read(buffer);
        if (step.state == net::Io::done) co_return std::string(buffer.data(), step.bytes);
        const bool waits = step.state == net::Io::want_read || step.state == net::Io::want_write;
        if (!waits || !co_await stream_->wait(step.state)) co_return fail(failure("answer"));
    }
}

void DeviceClient::close() {
    if (stream_) stream_->end_output();
    stream_.reset();
}

void DeviceClient::give_up() {
    given_up_ = true;
    if (stream_) stream_->cancel();
}

}  // namespace muster::cli::simulate
