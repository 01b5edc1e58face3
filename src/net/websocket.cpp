#include "net/websocket.h"

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/json.h"
#include "base/text.h"

namespace muster::net {
namespace {

// RFC 6455 section 1.3.
constexpr std::string_view accept_guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t key_size = 16;

// All elements of a list header, wherever they stand.
std::vector<std::string_view> list_header(const Headers& headers, std::string_view name) {
    std::vector<std::string_view> elements;
    for (const auto& [field, value] : headers) {
        if (!equals_ignore_case(field, name)) continue;
        for (const auto element : split(value, ',')) {
            if (const auto text = trim(element); !text.empty()) elements.push_back(text);
        }
    }
    return elements;
}

bool list_has(const Headers& headers, std::string_view name, std::string_view wanted) {
    return std::ranges::any_of(list_header(headers, name),
                               [&](std::string_view element) { return equals_ignore_case(element, wanted); });
}

std::optional<std::string> accept_value(std::string_view key) {
    const auto nonce = base64_decode(key);
    if (!nonce || nonce->size() != key_size) return std::nullopt;
    const auto text = std::string(key).append(accept_guid);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr) != 1) return std::nullopt;
    return base64_encode({digest, size});
}

WebSocketUpgrade refuse(int status, std::string_view text) {
    WebSocketUpgrade refusal;
    refusal.response.status = status;
    refusal.response.headers.add("Content-Type", "application/json; charset=utf-8");
    if (status == 426) {
        refusal.response.headers.add("Upgrade", "websocket");
        refusal.response.headers.add("Sec-WebSocket-Version", "13");
    }
    refusal.response.body = boost::json::serialize(boost::json::object{{"message", text}});
    return refusal;
}

WebSocketUpgrade accept(std::string value, std::string_view subprotocol, const StreamHandler& handler) {
    WebSocketUpgrade upgrade;
    upgrade.handler = &handler;
    upgrade.response.status = 101;
    upgrade.response.headers.add("Upgrade", "websocket");
    upgrade.response.headers.add("Sec-WebSocket-Accept", std::move(value));
    upgrade.response.headers.add("Sec-WebSocket-Protocol", std::string(subprotocol));
    return upgrade;
}

}  // namespace

std::optional<WebSocketUpgrade> upgrade_to_websocket(const HttpRequest& request,
                                                     const std::vector<WebSocketRoute>& routes) {
    const auto here = [&](const WebSocketRoute& route) { return equals_ignore_case(request.path(), route.path); };
    if (std::ranges::none_of(routes, here)) return std::nullopt;
    const auto& headers = request.headers;
    if (!list_has(headers, "Upgrade", "websocket") || !list_has(headers, "Connection", "upgrade"))
        return refuse(426, "this path is for WebSockets (RFC 6455)");
    if (request.method != "GET") return refuse(405, "a WebSocket is opened by GET");
    if (trim(headers.get("Sec-WebSocket-Version")) != "13") return refuse(426, "Sec-WebSocket-Version must be 13");
    auto value = accept_value(trim(headers.get("Sec-WebSocket-Key")));
    if (!value) return refuse(400, "Sec-WebSocket-Key must be 16 bytes in base64");
    for (const auto offered : list_header(headers, "Sec-WebSocket-Protocol")) {
        for (const auto& route : routes) {
            if (here(route) && equals_ignore_case(route.subprotocol, offered))
                return accept(std::move(*value), offered, route.handler);
        }
    }
    return refuse(400, "Sec-WebSocket-Protocol names no protocol that is spoken here");
}

}  // namespace muster::net
