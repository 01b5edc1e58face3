// The opening of a WebSocket, server side (RFC 6455 section 4.2): request in, answer out; no I/O.
#pragma once

#include <optional>
#include <vector>

#include "net/http_server.h"

namespace muster::net {

struct WebSocketUpgrade {
    HttpResponse response;                   // 101, or the refusal
    const StreamHandler* handler = nullptr;  // with 101 alone
};

// Nothing when no route has the path of the request. Extensions are declined by not naming them.
std::optional<WebSocketUpgrade> upgrade_to_websocket(const HttpRequest& request,
                                                     const std::vector<WebSocketRoute>& routes);

}  // namespace muster::net
