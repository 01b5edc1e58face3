// The one parser of HTTP/1.1 messages (RFC 9112): bytes in, HttpRequest or HttpResponse out; no I/O. Beast's parser
// does the grammar, with the storage and the stricter rules of ours: exactly one Host, "chunked" as the only transfer
// coding, Content-Length never beside it, trailers dropped, every size bounded.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "net/http.h"

namespace muster::net {

enum class ParseState {
    need_more,
    header_done,  // reported once, when a body is still to come
    done,
    failed,
};

struct ParseStep {
    ParseState state;
    std::size_t consumed;  // bytes used; the caller offers the rest again, with more behind it
};

class RequestParser {
public:
    RequestParser(std::size_t header_limit, std::size_t body_limit);
    ~RequestParser();
    RequestParser(const RequestParser&) = delete;
    RequestParser& operator=(const RequestParser&) = delete;

    ParseStep put(std::string_view bytes);

    // After `failed`: the status to answer with and why, fit for the client.
    int error_status() const;
    std::string_view error_text() const;

    // After `header_done`.
    bool expects_continue() const;
    // What the body has come to so far, bytes of memory.
    std::size_t body_held() const;
    // After `done`.
    bool keep_alive() const;
    HttpRequest& request();

    struct Impl;

private:
    std::unique_ptr<Impl> impl_;
};

class ResponseParser {
public:
    // `head`: the answer to a HEAD request has a length and no body.
    ResponseParser(std::size_t header_limit, std::size_t body_limit, bool head);
    ~ResponseParser();
    ResponseParser(const ResponseParser&) = delete;
    ResponseParser& operator=(const ResponseParser&) = delete;

    ParseStep put(std::string_view bytes);
    // The connection has ended: `done` when the message may end so.
    ParseState put_eof();

    bool too_large() const;  // after `failed`
    std::string_view error_text() const;
    bool keep_alive() const;
    bool interim() const;  // a 1xx: the answer itself follows
    HttpResponse& response();

    struct Impl;

private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace muster::net
