// One connection of an HttpServer, and what the connections of one reactor share.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <list>
#include <memory>
#include <string>

#include "net/http_parser.h"
#include "net/http_server.h"
#include "net/stream.h"

namespace muster::net {

using Monotonic = std::chrono::steady_clock;

// Shared by all reactors of one server.
struct ServerCommon {
    HttpHandler handler;
    HttpLimits limits;
    std::atomic<std::size_t> open = 0;
    std::atomic<std::uint64_t> total = 0;
    std::atomic<std::uint64_t> handshakes_failed = 0;
    std::atomic<std::uint64_t> requests = 0;
};

class Connection;

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
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Serves until either side ends it; `tls` null for a plain socket.
    Task<> run(std::shared_ptr<ServerTls> tls);
    // Ends it at its next wait.
    void abort() { stream_.cancel(); }
    // The same for an idle one, which leaves the list of idle ones at once.
    void evict();
    Monotonic::time_point deadline() const { return deadline_; }

private:
    enum class Got { request, nothing, refused, late };

    Task<bool> handshake(ServerTls& tls);
    void note_failed_handshake();
    Task<> serve_requests();
    Task<Got> read_request(RequestParser& parser);
    // Why a wait for more of a request ended: its time is over, or the peer or we are leaving.
    Got interrupted(bool begun) const;
    ParseState feed(RequestParser& parser, std::string_view bytes);
    ParseState feed_pending(RequestParser& parser);
    Task<HttpResponse> handle(const HttpRequest& request);
    Task<bool> answer(const HttpRequest& request, const HttpResponse& response, bool keep);
    Task<> refuse(int status, std::string_view text);
    Task<> linger();

    void become_idle();
    void become_busy(std::chrono::milliseconds limit);

    std::shared_ptr<Shard> shard_;
    std::list<Connection*>::iterator place_;
    bool is_idle_ = false;
    Monotonic::time_point deadline_;
    Stream stream_;
    Peer peer_;
    std::string pending_;  // received and not yet parsed: the rest of a header, or the next request of a pipeline
    std::size_t served_ = 0;
};

}  // namespace muster::net
