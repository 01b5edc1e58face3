// One connection of an HttpServer.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "net/byte_budget.h"
#include "net/connection.h"
#include "net/http_parser.h"
#include "net/http_server.h"

namespace muster::net {

// Shared by all connections of one HttpServer.
struct HttpCommon {
    HttpHandler handler;
    HttpLimits limits;
    std::shared_ptr<ByteBudget> budget;
    std::vector<WebSocketRoute> websockets;
    std::atomic<std::uint64_t> requests = 0;
};

class HttpConnection final : public Connection {
public:
    HttpConnection(std::shared_ptr<Shard> shard, int fd, Peer peer, std::shared_ptr<HttpCommon> http)
        : Connection(std::move(shard), fd, std::move(peer)), http_(std::move(http)) {}

private:
    enum class Got { request, nothing, refused, late, crowded };

    Task<> serve() override;
    // The handler of the protocol that the connection was switched to, if it was.
    Task<const StreamHandler*> serve_requests();
    Task<> serve_websocket(const StreamHandler& handler);
    Task<Got> read_request(RequestParser& parser, BudgetShare& share);
    // Why a wait for more of a request ended: its time is over, or the peer or we are leaving.
    Got interrupted(bool begun) const;
    ParseState feed(RequestParser& parser, std::string_view bytes);
    ParseState feed_pending(RequestParser& parser);
    Task<HttpResponse> handle(const HttpRequest& request);
    Task<bool> answer(const HttpRequest& request, const HttpResponse& response, bool keep);
    Task<> refuse(int status, std::string_view text);

    std::shared_ptr<HttpCommon> http_;
    std::string pending_;  // received and not yet parsed: the rest of a header, or the next request of a pipeline
    std::size_t served_ = 0;
};

}  // namespace muster::net
