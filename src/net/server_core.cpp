#include "net/server_core.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/as_tuple.hpp>

#include <cerrno>
#include <cstring>
#include <thread>

#include "base/log.h"

namespace muster::net {

namespace asio = boost::asio;

namespace {

using Descriptor = asio::posix::stream_descriptor;

// A listener in its shard's list for as long as its coroutine runs, so that drain() can end it.
class Listener {
public:
    Listener(std::shared_ptr<Shard> shard, Fd fd)
        : shard_(std::move(shard)),
          socket_(shard_->context, fd.release()),
          place_(shard_->listeners.insert(shard_->listeners.end(), &socket_)) {}
    ~Listener() { shard_->listeners.erase(place_); }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    Descriptor& socket() { return socket_; }
    Shard& shard() { return *shard_; }
    const std::shared_ptr<Shard>& shared_shard() const { return shard_; }

private:
    std::shared_ptr<Shard> shard_;
    Descriptor socket_;
    std::list<Descriptor*>::iterator place_;
};

// What the connections of one listener are made with.
struct Terms {
    std::shared_ptr<const MakeConnection> make;
    std::shared_ptr<ServerTls> tls;
};

std::string address_text(const sockaddr_storage& address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (address.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
        ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
        return fmt::format("{}:{}", text, ntohs(v4.sin_port));
    }
    if (address.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
        // IPv4 on a socket for both: the same device under the same name, whatever it is listened on.
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
            ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text, sizeof text);
            return fmt::format("{}:{}", text, ntohs(v6.sin6_port));
        }
        ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
        return fmt::format("[{}]:{}", text, ntohs(v6.sin6_port));
    }
    return "unix";
}

Peer make_peer(int fd, const sockaddr_storage& address) {
    Peer peer;
    peer.address = address_text(address);
    if (address.ss_family != AF_UNIX) return peer;
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
        peer.credentials = PeerCredentials{credentials.uid, credentials.gid, credentials.pid};
    }
    return peer;
}

Task<> serve(std::unique_ptr<Connection> connection, std::shared_ptr<ServerTls> tls) {
    try {
        co_await connection->run(std::move(tls));
    } catch (const std::exception& e) {
        log::error("connection ended by an unexpected exception", {{"what", e.what()}});
    }
}

std::chrono::milliseconds sweep_interval(const ConnectionLimits& limits) {
    return std::clamp(limits.shortest / 4, std::chrono::milliseconds(20), std::chrono::milliseconds(500));
}

// One timer per reactor instead of one per connection and wait; it rests while there are no connections.
Task<> sweep(std::shared_ptr<Shard> shard) {
    asio::steady_timer timer(shard->context);
    while (!shard->busy.empty() || !shard->idle.empty()) {
        timer.expires_after(sweep_interval(shard->common->limits));
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
        shard->close_overdue(Monotonic::now());
    }
    shard->sweeping = false;
}

// False when the limit is reached and nothing idle can make room.
bool make_room(Shard& shard) {
    return shard.common->open < shard.common->limits.connections || shard.close_oldest_idle();
}

void admit(const std::shared_ptr<Shard>& shard, Fd fd, const sockaddr_storage& address, const Terms& terms) {
    if (!make_room(*shard)) {
        log::warn("connection refused: too many are open", {{"open", shard->common->open.load()}});
        return;
    }
    auto peer = make_peer(fd.get(), address);
    auto connection = (*terms.make)(shard, fd.release(), std::move(peer));
    asio::co_spawn(shard->context, serve(std::move(connection), terms.tls), asio::detached);
    if (!std::exchange(shard->sweeping, true)) asio::co_spawn(shard->context, sweep(shard), asio::detached);
}

// Out of descriptors or memory: the listener stays readable, so trying on at once would spin.
bool out_of_resources(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

Task<> rest_after(int error, Shard& shard) {
    log::warn("cannot accept a connection", {{"reason", std::strerror(error)}});
    shard.close_oldest_idle();
    asio::steady_timer timer(shard.context, std::chrono::milliseconds(100));
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

Task<> accept_connections(std::shared_ptr<Shard> shard, Fd fd, Terms terms) {
    Listener listener(std::move(shard), std::move(fd));
    while (!listener.shard().draining) {
        const auto [error] =
            co_await listener.socket().async_wait(Descriptor::wait_read, asio::as_tuple(asio::use_awaitable));
        // A few at a time, so that a burst of arrivals does not starve those being served.
        for (int i = 0; i < 16 && !error && !listener.shard().draining; ++i) {
            sockaddr_storage address{};
            socklen_t size = sizeof address;
            Fd accepted(::accept4(listener.socket().native_handle(), reinterpret_cast<sockaddr*>(&address), &size,
                                  SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (accepted.get() >= 0) {
                admit(listener.shared_shard(), std::move(accepted), address, terms);
                continue;
            }
            const int number = errno;
            if (out_of_resources(number)) co_await rest_after(number, listener.shard());
            if (number != ECONNABORTED && number != EINTR) break;
        }
    }
}

void spawn_listener(const std::shared_ptr<Shard>& shard, Fd fd, Terms terms) {
    asio::co_spawn(shard->context, accept_connections(shard, std::move(fd), std::move(terms)), asio::detached);
}

void start_draining(Shard& shard) {
    shard.draining = true;
    for (auto* listener : shard.listeners) {
        boost::system::error_code ignored;
        listener->close(ignored);
    }
    for (auto* connection : shard.idle) connection->abort();
}

template <class Condition>
void wait_until(std::chrono::milliseconds patience, Condition condition) {
    const auto end = Monotonic::now() + patience;
    while (!condition() && Monotonic::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

}  // namespace

ServerCore::ServerCore(Reactors& reactors, ConnectionLimits limits, MakeConnection make)
    : reactors_(reactors),
      common_(std::make_shared<ServerCommon>()),
      make_(std::make_shared<const MakeConnection>(std::move(make))) {
    common_->limits = limits;
    for (std::size_t i = 0; i < reactors.size(); ++i) {
        shards_.push_back(std::make_shared<Shard>(common_, reactors.at(i)));
    }
}

Result<std::uint16_t> ServerCore::listen_tcp_address(const std::string& address,
                                                     const std::shared_ptr<ServerTls>& tls) {
    MUSTER_TRY(auto listeners, listen_tcp(address, shards_.size()));
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        spawn_listener(shards_[i], std::move(listeners.sockets[i]), {make_, tls});
    }
    return listeners.port;
}

void ServerCore::listen_on(Fd fd) {
    spawn_listener(shards_[next_shard_++ % shards_.size()], std::move(fd), {make_, nullptr});
}

void ServerCore::drain(std::chrono::milliseconds patience) {
    const auto deaf = std::make_shared<std::atomic<std::size_t>>(shards_.size());
    for (const auto& shard : shards_) {
        asio::post(shard->context, [shard, deaf] {
            start_draining(*shard);
            --*deaf;
        });
    }
    if (!reactors_.running()) return;
    wait_until(std::chrono::seconds(1), [&] { return *deaf == 0; });
    const auto none_left = [this] { return common_->open == 0; };
    wait_until(patience, none_left);
    for (const auto& shard : shards_) {
        asio::post(shard->context, [shard] {
            for (auto* connection : shard->busy) connection->abort();
        });
    }
    // What is left are handlers that wait for something of their own.
    wait_until(std::chrono::milliseconds(500), none_left);
}

}  // namespace muster::net
