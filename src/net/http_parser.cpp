#include "net/http_parser.h"

// One assertion of the parser's does not hold for a last chunk that arrives byte by byte ("0\r\n" and one more byte);
// what it guards is safe. Off here as in release builds, so that tests and fuzzing see what ships.
#define BOOST_DISABLE_ASSERTS
#include <boost/assert.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include <limits>

#include "base/text.h"

namespace muster::net {
namespace {

namespace http = boost::beast::http;
using ErrorCode = boost::beast::error_code;
using Text = boost::beast::string_view;

std::string_view view(Text text) {
    return {text.data(), text.size()};
}

// What requests and responses have in common: fields, body, limits.
template <bool is_request>
class Parser : public http::basic_parser<is_request> {
public:
    using Base = http::basic_parser<is_request>;

    Parser(std::size_t header_limit, std::size_t body_limit) : header_limit_(header_limit), body_limit_(body_limit) {
        const auto largest = std::numeric_limits<std::uint32_t>::max();
        this->header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(header_limit, largest)));
        this->body_limit(boost::optional<std::uint64_t>(body_limit));
    }

    ParseStep feed(std::string_view bytes) {
        std::size_t used = 0;
        while (!failed_ && !this->is_done()) {
            const bool in_header = !this->is_header_done();
            if (is_request && !this->got_some()) {
                used += empty_lines(bytes.substr(used));
                if (bytes.substr(used) == "\r") break;
            }
            const auto rest = bytes.substr(used);
            if (rest.empty() && !in_header) break;
            ErrorCode error;
            const auto body_before = body_.size();
            const auto taken = this->put(boost::asio::const_buffer(rest.data(), rest.size()), error);
            used += taken;
            // Of chunk lines and trailers what came since the last byte of the body.
            if (!in_header && body_.size() != body_before) {
                lines_size_ = 0;
            } else {
                lines_size_ += taken;
            }
            bound_lines(error == http::error::need_more ? rest.size() - taken : 0);
            if (error == http::error::need_more) break;
            if (error) fail_with(error);
            if (failed_ || !in_header || !this->is_header_done()) continue;
            header_complete_ = true;
            lines_size_ = 0;
            if (!this->is_done()) return {ParseState::header_done, used};
        }
        if (failed_) return {ParseState::failed, used};
        return {this->is_done() ? ParseState::done : ParseState::need_more, used};
    }

    void fail(int status, std::string_view text) {
        if (failed_) return;
        failed_ = true;
        status_ = status;
        text_ = text;
    }

    void fail_with(ErrorCode error) {
        if (error == http::error::header_limit) return fail(431, "the header is too large");
        if (error == http::error::body_limit) return fail(413, "the body is too large");
        if (error == http::error::bad_version) return fail(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
        fail(400, "the message is malformed");
    }

    bool failed_ = false;
    int status_ = 400;
    std::string_view text_;
    Headers headers_;
    std::string body_;

protected:
    void on_field_impl(http::field, Text name, Text value, ErrorCode& error) override {
        if (header_complete_) return;  // a trailer: nothing of ours needs one, and it must not pass for a header
        if (!accept_field(view(name), view(value))) {
            error = make_error_code(http::error::bad_value);
            return;
        }
        headers_.add(std::string(view(name)), std::string(view(value)));
    }
    void on_header_impl(ErrorCode& error) override {
        if (!accept_header()) error = make_error_code(http::error::bad_value);
    }
    void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
    std::size_t on_body_impl(Text body, ErrorCode& error) override { return append(view(body), error); }
    void on_chunk_header_impl(std::uint64_t, Text, ErrorCode&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, Text body, ErrorCode& error) override {
        return append(view(body), error);
    }
    void on_finish_impl(ErrorCode&) override {}

    // RFC 9112 section 2.2: an empty line before a request is skipped (one is enough; a flood of them is not a
    // request).
    std::size_t empty_lines(std::string_view bytes) {
        if (skipped_line_ || !bytes.starts_with("\r\n")) return 0;
        skipped_line_ = true;
        return 2;
    }

    // False when the field makes the message unacceptable.
    bool accept_field(std::string_view name, std::string_view value) {
        if (!equals_ignore_case(name, "Transfer-Encoding")) return accept_own_field(name, value);
        if (equals_ignore_case(trim(value), "chunked")) return true;
        fail(501, "the only transfer coding understood is \"chunked\"");
        return false;
    }
    virtual bool accept_own_field(std::string_view name, std::string_view value) = 0;
    virtual bool accept_header() = 0;

private:
    // Beast bounds the start line and the fields each by itself, chunk lines and trailers not at all. `waiting` is what
    // it could not use yet: the caller keeps that.
    void bound_lines(std::size_t waiting) {
        if (lines_size_ + waiting > header_limit_) fail(431, "a header or chunk line is too long");
    }

    std::size_t append(std::string_view bytes, ErrorCode& error) {
        if (bytes.size() > body_limit_ - body_.size()) {
            error = make_error_code(http::error::body_limit);
            return 0;
        }
        body_.append(bytes);
        return bytes.size();
    }

    std::size_t header_limit_;
    std::size_t body_limit_;
    std::size_t lines_size_ = 0;  // of the header, or of what is no body behind it
    bool header_complete_ = false;
    bool skipped_line_ = false;
};

// "https://host/path" as some clients and every proxy send it (RFC 9112 section 3.2.2) becomes "/path".
std::optional<std::string> origin_form(std::string_view method, std::string_view target) {
    if (target.starts_with('/') || (target == "*" && method == "OPTIONS")) return std::string(target);
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (!starts_with_ignore_case(target, scheme)) continue;
        const auto path = target.find_first_of("/?", scheme.size());
        if (path == std::string_view::npos) return "/";
        return (target[path] == '?' ? "/" : "") + std::string(target.substr(path));
    }
    return std::nullopt;
}

}  // namespace

struct RequestParser::Impl final : Parser<true> {
    using Parser::Parser;

    void on_request_impl(http::verb, Text method, Text target, int version, ErrorCode& error) override {
        request.method = std::string(view(method));
        version_ = version;
        auto origin = origin_form(request.method, view(target));
        if (origin) {
            request.target = std::move(*origin);
            return;
        }
        fail(400, "the request target must be a path");
        error = make_error_code(http::error::bad_target);
    }
    void on_response_impl(int, Text, int, ErrorCode&) override {}

    bool accept_own_field(std::string_view name, std::string_view value) override {
        if (equals_ignore_case(name, "Host")) ++hosts_;
        if (equals_ignore_case(name, "Expect")) {
            if (!equals_ignore_case(trim(value), "100-continue")) {
                fail(417, "the only expectation understood is \"100-continue\"");
                return false;
            }
            expects_continue = version_ >= 11;
        }
        return true;
    }

    bool accept_header() override {
        if (hosts_ > 1 || (hosts_ == 0 && version_ >= 11)) {
            fail(400, "exactly one Host header is needed");
            return false;
        }
        if (version_ < 11 && headers_.find("Transfer-Encoding")) {
            fail(400, "HTTP/1.0 has no transfer codings");
            return false;
        }
        return true;
    }

    // HTTP/1.0 had to ask and be told; not worth the words.
    bool keeps_alive() const { return version_ >= 11 && keep_alive(); }

    HttpRequest request;
    bool expects_continue = false;

private:
    int version_ = 11;
    int hosts_ = 0;
};

RequestParser::RequestParser(std::size_t header_limit, std::size_t body_limit)
    : impl_(std::make_unique<Impl>(header_limit, body_limit)) {}
RequestParser::~RequestParser() = default;

ParseStep RequestParser::put(std::string_view bytes) {
    return impl_->feed(bytes);
}

int RequestParser::error_status() const {
    return impl_->status_;
}

std::string_view RequestParser::error_text() const {
    return impl_->text_;
}

bool RequestParser::expects_continue() const {
    return impl_->expects_continue;
}

std::size_t RequestParser::body_held() const {
    return impl_->body_.capacity();
}

bool RequestParser::keep_alive() const {
    return impl_->keeps_alive();
}

HttpRequest& RequestParser::request() {
    impl_->request.headers = std::move(impl_->headers_);
    impl_->request.body = std::move(impl_->body_);
    return impl_->request;
}

struct ResponseParser::Impl final : Parser<false> {
    using Parser::Parser;

    void on_request_impl(http::verb, Text, Text, int, ErrorCode&) override {}
    void on_response_impl(int code, Text, int, ErrorCode&) override { response.status = code; }
    bool accept_own_field(std::string_view, std::string_view) override { return true; }
    bool accept_header() override { return true; }

    HttpResponse response;
};

ResponseParser::ResponseParser(std::size_t header_limit, std::size_t body_limit, bool head)
    : impl_(std::make_unique<Impl>(header_limit, body_limit)) {
    impl_->skip(head);
}
ResponseParser::~ResponseParser() = default;

ParseStep ResponseParser::put(std::string_view bytes) {
    return impl_->feed(bytes);
}

ParseState ResponseParser::put_eof() {
    ErrorCode error;
    if (!impl_->failed_) impl_->put_eof(error);
    if (error) impl_->fail(400, "the answer ended early");
    return impl_->failed_ ? ParseState::failed : ParseState::done;
}

bool ResponseParser::too_large() const {
    return impl_->status_ == 413 || impl_->status_ == 431;
}

std::string_view ResponseParser::error_text() const {
    return impl_->text_;
}

bool ResponseParser::interim() const {
    return impl_->response.status / 100 == 1 && impl_->response.status != 101;
}

bool ResponseParser::keep_alive() const {
    return impl_->keep_alive();
}

HttpResponse& ResponseParser::response() {
    impl_->response.headers = std::move(impl_->headers_);
    impl_->response.body = std::move(impl_->body_);
    return impl_->response;
}

}  // namespace muster::net
