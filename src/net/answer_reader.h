// One answer to one request: bytes in as they arrive, the HttpResponse out; interim answers (1xx) are skipped.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/http_parser.h"

namespace muster::net {

class AnswerReader {
public:
    // `method` of the request: the answer to HEAD has no body. Larger bodies than `body_limit` bytes are refused.
    AnswerReader(std::string_view method, std::size_t body_limit);

    // need_more, done or failed.
    ParseState put(std::string_view bytes);
    // The connection has ended: done when the answer may end so.
    ParseState put_eof() { return parser_->put_eof(); }

    bool begun() const { return begun_; }
    // After `failed`; `server` names who answered.
    Error error(const std::string& server) const;

    // After `done`. A connection can be used again when it is to be kept and nothing stands behind the answer.
    bool leaves_connection_usable() const { return parser_->keep_alive() && pending_.empty(); }
    HttpResponse take_response() { return std::move(parser_->response()); }

private:
    void start();

    bool head_;
    std::size_t body_limit_;
    bool begun_ = false;
    std::unique_ptr<ResponseParser> parser_;
    std::string pending_;
};

}  // namespace muster::net
