// HTTP/1.1 messages, as a connection feeds them to the parser: whole and cut into pieces, with the same outcome.
// The first byte chooses the size of the pieces; the rest is what arrives.
// rooms: net pki base
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/http_parser.h"

namespace {

using namespace muster::net;

constexpr std::size_t header_limit = 512;
constexpr std::size_t body_limit = 256;

void require(bool holds) {
    if (!holds) std::abort();
}

struct Outcome {
    ParseState state = ParseState::need_more;
    std::string message;  // what was read, flattened
    std::size_t used = 0;

    bool operator==(const Outcome&) const = default;
};

std::string flatten(const HttpRequest& request) {
    std::string text = request.method + " " + request.target;
    for (const auto& [name, value] : request.headers) text.append("\n").append(name).append(": ").append(value);
    return text + "\n\n" + request.body;
}

std::string flatten(const HttpResponse& response) {
    std::string text = std::to_string(response.status);
    for (const auto& [name, value] : response.headers) text.append("\n").append(name).append(": ").append(value);
    return text + "\n\n" + response.body;
}

void check(RequestParser& parser, const Outcome& outcome) {
    if (outcome.state == ParseState::failed) {
        require(parser.error_status() >= 400 && parser.error_status() < 600 && !parser.error_text().empty());
    }
    if (outcome.state != ParseState::done) return;
    const auto& request = parser.request();
    require(request.body.size() <= body_limit);
    require(!request.method.empty() && (request.target.starts_with('/') || request.target == "*"));
    require(request.target.find_first_of(" \r\n") == std::string::npos);
    require(!(request.headers.find("Content-Length") && request.headers.find("Transfer-Encoding")));
    (void)path_segments(request.path());
    (void)request.parameter("api-version");
}

void check(ResponseParser& parser, const Outcome& outcome) {
    if (outcome.state == ParseState::done) require(parser.response().body.size() <= body_limit);
}

std::string read(RequestParser& parser) {
    return flatten(parser.request());
}

std::string read(ResponseParser& parser) {
    return flatten(parser.response());
}

// What a connection does with bytes that arrive `step` at a time.
template <class Parser>
Outcome parse(Parser& parser, std::string_view bytes, std::size_t step) {
    Outcome outcome;
    std::string pending;
    while (!bytes.empty()) {
        const auto piece = bytes.substr(0, step);
        bytes.remove_prefix(piece.size());
        pending += piece;
        for (;;) {
            const auto result = parser.put(pending);
            require(result.consumed <= pending.size());
            pending.erase(0, result.consumed);
            outcome.used += result.consumed;
            outcome.state = result.state;
            if (result.state == ParseState::need_more) break;
            if (result.state == ParseState::header_done) continue;
            check(parser, outcome);
            if (result.state == ParseState::done) outcome.message = read(parser);
            return outcome;
        }
        require(pending.size() <= header_limit + piece.size());
    }
    return outcome;
}

template <class Parser, class... Args>
void compare(std::string_view bytes, std::size_t step, Args... args) {
    Parser whole(header_limit, body_limit, args...);
    Parser cut(header_limit, body_limit, args...);
    const auto at_once = parse(whole, bytes, std::string_view::npos);
    const auto in_pieces = parse(cut, bytes, step);
    // A refusal may come earlier or later; what is accepted must be the same.
    require((at_once.state == ParseState::done) == (in_pieces.state == ParseState::done));
    if (at_once.state == ParseState::done) require(at_once == in_pieces);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::size_t step = data[0] % 64 + 1U;
    compare<RequestParser>(bytes, step);
    compare<ResponseParser>(bytes, step, false);
    compare<ResponseParser>(bytes, step, true);
    return 0;
}
