// One connection of a server, whatever it speaks, and what the connections of one reactor share.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <list>
#include <memory>
#include <string>

#include "net/byte_stream.h"
#include "net/peer.h"
#include "net/stream.h"

namespace muster::net {

class ServerTls;
class Connection;

struct ConnectionLimits {
    std::chrono::milliseconds handshake;
    std::chrono::milliseconds write;
    std::chrono::milliseconds shortest;  // of all waits of this server: how often to look for overdue ones
    std::size_t connections;             // over all reactors
};

// Shared by all reactors of one server.
struct ServerCommon {
    ConnectionLimits limits;
    std::atomic<std::size_t> open = 0;
    std::atomic<std::uint64_t> total = 0;
    std::atomic<std::uint64_t> handshakes_failed = 0;
};

// One reactor's part of a server. Touched on that reactor's thread alone.
struct Shard {
    Shard(std::shared_ptr<ServerCommon> shared, boost::asio::io_context& loop)
        : common(std::move(shared)), context(loop) {}

    // Ends the longest idle connection; false when there is none.
    bool close_oldest_idle();
    // Ends every connection that has outlived the wait it is in.
    void close_overdue(Monotonic::time_point now);
    // The "Date" of an answer, made once a second.
    const std::string& date();

    std::shared_ptr<ServerCommon> common;
    boost::asio::io_context& context;
    std::list<Connection*> busy;
    std::list<Connection*> idle;  // the longest idle one first
    std::list<boost::asio::posix::stream_descriptor*> listeners;
    bool draining = false;
    bool sweeping = false;
    // Every connection reads into this one and keeps only what it cannot use yet: idle ones hold no buffer.
    std::array<char, 16 * 1024> scratch{};

private:
    std::time_t date_second_ = 0;
    std::string date_;
};

class Connection {
public:
    Connection(std::shared_ptr<Shard> shard, int fd, Peer peer);
    virtual ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Serves until either side ends it; `tls` null for a plain socket.
    Task<> run(std::shared_ptr<ServerTls> tls);
    // Ends it at its next wait.
    void abort() { stream_.cancel(); }
    // The same for an idle one, which leaves the list of idle ones at once.
    void evict();
    // Ends only the wait that it is in, when the time to wake up has come.
    void wake_if_due(Monotonic::time_point now);
    Monotonic::time_point deadline() const { return deadline_; }

protected:
    // What is spoken here. Called once, after the handshake.
    virtual Task<> serve() = 0;

    void become_idle(Monotonic::time_point until);
    // `limit` for the wait that follows; milliseconds::max() for none.
    void become_busy(std::chrono::milliseconds limit);
    bool overdue() const { return Monotonic::now() >= deadline_; }
    bool is_idle() const { return is_idle_; }
    // Ends our side and reads on for a moment, within bounds: closing while the peer still sends would make TCP drop
    // our last words on the way.
    Task<> linger();

    Shard& shard() { return *shard_; }
    Stream& stream() { return stream_; }
    const Peer& peer() const { return peer_; }

private:
    friend class ConnectionStream;

    Task<bool> handshake(ServerTls& tls);
    void note_failed_handshake();

    std::shared_ptr<Shard> shard_;
    std::list<Connection*>::iterator place_;
    bool is_idle_ = false;
    Monotonic::time_point deadline_;
    Monotonic::time_point wake_ = Monotonic::time_point::max();
    Stream stream_;
    Peer peer_;
};

// The connection's own bytes.
class ConnectionStream final : public ByteStream {
public:
    // `received`: what was read already and belongs to this protocol.
    explicit ConnectionStream(Connection& connection, std::string received = {})
        : connection_(connection), received_(std::move(received)) {}

    using ByteStream::read_some;
    Task<StreamRead> read_some(Monotonic::time_point deadline, Monotonic::time_point wake) override;
    Task<bool> write_all(std::string_view bytes) override;
    Task<> close() override;

private:
    Connection& connection_;
    std::string received_;
    unsigned unbroken_ = 0;  // reads since the last wait
};

}  // namespace muster::net
