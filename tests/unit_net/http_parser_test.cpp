#include "net/http_parser.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace muster::net {
namespace {

struct Outcome {
    bool done = false;
    int status = 0;
    HttpRequest request;
    std::string rest;
};

// Offers the bytes in pieces of `step`, as a connection does.
Outcome parse(std::string_view bytes, std::size_t step = std::string_view::npos, std::size_t header_limit = 1024,
              std::size_t body_limit = 100) {
    RequestParser parser(header_limit, body_limit);
    std::string pending;
    while (!bytes.empty()) {
        const auto piece = bytes.substr(0, step);
        bytes.remove_prefix(piece.size());
        pending += piece;
        for (;;) {
            const auto result = parser.put(pending);
            pending.erase(0, result.consumed);
            if (result.state == ParseState::failed) return {false, parser.error_status(), {}, {}};
            if (result.state == ParseState::done) {
                return {true, 0, std::move(parser.request()), pending + std::string(bytes)};
            }
            if (result.state == ParseState::need_more) break;
        }
    }
    return {};
}

constexpr std::string_view simple = "PUT /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyzNEXT";

TEST(RequestParser, ReadsARequestHoweverItIsCut) {
    for (std::size_t step = 1; step <= simple.size(); ++step) {
        const auto outcome = parse(simple, step);
        ASSERT_TRUE(outcome.done) << step;
        EXPECT_EQ(outcome.request.method, "PUT");
        EXPECT_EQ(outcome.request.target, "/a?b=c");
        EXPECT_EQ(outcome.request.body, "xyz");
        EXPECT_EQ(outcome.rest, "NEXT");
    }
}

TEST(RequestParser, ReadsChunksHoweverTheyAreCut) {
    constexpr std::string_view chunked =
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
        "3;ext=\"1\"\r\nabc\r\n0a\r\n0123456789\r\n0\r\nX-Trailer: dropped\r\n\r\nNEXT";
    for (std::size_t step = 1; step <= chunked.size(); ++step) {
        const auto outcome = parse(chunked, step);
        ASSERT_TRUE(outcome.done) << step;
        EXPECT_EQ(outcome.request.body, "abc0123456789");
        EXPECT_EQ(outcome.request.headers.find("X-Trailer"), nullptr);
        EXPECT_EQ(outcome.rest, "NEXT");
    }
}

TEST(RequestParser, ReadsABodyOfLineBreaks) {
    EXPECT_EQ(parse("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n\r\n\r", 1).request.body, "\r\n\r");
}

TEST(RequestParser, BoundsTheHeaderAsAWhole) {
    const auto request = [](std::size_t target, std::size_t field) {
        return fmt::format("GET /{} HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", std::string(target, 'x'),
                           std::string(field, 'y'));
    };
    const auto overhead = request(0, 0).size();
    for (const std::size_t step : {std::size_t{1}, std::size_t{100}, std::string_view::npos}) {
        EXPECT_TRUE(parse(request(500, 1024 - overhead - 500), step).done) << step;
        EXPECT_EQ(parse(request(500, 1024 - overhead - 499), step).status, 431) << step;
    }
}

TEST(RequestParser, ReadsABodyOnGet) {
    EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}").request.body, "{}");
}

TEST(RequestParser, SkipsOneEmptyLineBeforeARequest) {
    EXPECT_TRUE(parse("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 1).done);
    EXPECT_EQ(parse("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n").status, 400);
}

TEST(RequestParser, TakesTheAbsoluteForm) {
    EXPECT_EQ(parse("GET https://h:1/a?b HTTP/1.1\r\nHost: h\r\n\r\n").request.target, "/a?b");
    EXPECT_EQ(parse("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n").request.target, "/");
    EXPECT_EQ(parse("GET http://h?x HTTP/1.1\r\nHost: h\r\n\r\n").request.target, "/?x");
}

struct Refusal {
    const char* name;
    std::string text;
    int status;
};

class RefusedRequest : public testing::TestWithParam<Refusal> {};

TEST_P(RefusedRequest, IsAnsweredWithTheRightStatus) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::string_view::npos}) {
        const auto outcome = parse(GetParam().text, step);
        EXPECT_FALSE(outcome.done);
        EXPECT_EQ(outcome.status, GetParam().status) << "in pieces of " << step;
    }
}

std::string with(const std::string& headers) {
    return "POST / HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n\r\n";
}

INSTANTIATE_TEST_SUITE_P(
    Requests, RefusedRequest,
    testing::Values(
        Refusal{"both_lengths", with("Content-Length: 3\r\nTransfer-Encoding: chunked"), 400},
        Refusal{"both_lengths_reversed", with("Transfer-Encoding: chunked\r\nContent-Length: 3"), 400},
        Refusal{"two_lengths", with("Content-Length: 3\r\nContent-Length: 4"), 400},
        Refusal{"signed_length", with("Content-Length: +3"), 400},
        Refusal{"hex_length", with("Content-Length: 0x3"), 400},
        Refusal{"huge_length", with("Content-Length: 99999999999999999999999"), 400},
        Refusal{"two_codings", with("Transfer-Encoding: gzip, chunked"), 501},
        Refusal{"unknown_coding", with("Transfer-Encoding: xchunked"), 501},
        Refusal{"coding_twice", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400},
        Refusal{"space_before_colon", with("Content-Length : 3"), 400}, Refusal{"no_colon", with("nonsense"), 400},
        Refusal{"bare_line_feed", "GET / HTTP/1.1\r\nHost: h\n\r\n\r\n", 400},
        Refusal{"no_host", "GET / HTTP/1.1\r\n\r\n", 400},
        Refusal{"two_hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        Refusal{"version_2", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
        Refusal{"coding_in_1_0", "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        Refusal{"authority_form", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        Refusal{"relative_target", "GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        Refusal{"unknown_expectation", with("Expect: miracles"), 417},
        Refusal{"long_header", with("X: " + std::string(2000, 'x')), 431},
        Refusal{"long_target", "GET /" + std::string(2000, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n", 431},
        Refusal{"large_body", with("Content-Length: 101"), 413},
        Refusal{"large_chunk", with("Transfer-Encoding: chunked") + "65\r\n", 413},
        Refusal{"many_chunks", with("Transfer-Encoding: chunked") + "32\r\n" + std::string(50, 'x') + "\r\n33\r\n",
                413},
        Refusal{"bad_chunk", with("Transfer-Encoding: chunked") + "zz\r\n", 400},
        Refusal{"chunk_overrun", with("Transfer-Encoding: chunked") + "1\r\nab\r\n0\r\n\r\n", 400},
        Refusal{"long_chunk_extension", with("Transfer-Encoding: chunked") + "1;" + std::string(2000, 'x'), 431},
        Refusal{"long_trailer", with("Transfer-Encoding: chunked") + "0\r\nX: " + std::string(2000, 'x'), 431},
        Refusal{"tls_hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 \r\n\r\n", 16), 400}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(RequestParser, NeedsMoreOfACutRequest) {
    for (std::size_t size = 0; size + 5 < simple.size(); ++size) {
        const auto outcome = parse(simple.substr(0, size), 3);
        EXPECT_FALSE(outcome.done);
        EXPECT_EQ(outcome.status, 0) << size;
    }
}

TEST(ResponseParser, ReadsLengthChunksAndEndOfStream) {
    ResponseParser with_length(1024, 100, false);
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    auto used = with_length.put(answer).consumed;
    EXPECT_EQ(with_length.put(std::string_view(answer).substr(used)).state, ParseState::done);
    EXPECT_EQ(with_length.response().body, "ok");

    ResponseParser to_the_end(1024, 100, false);
    const std::string open = "HTTP/1.1 200 OK\r\n\r\nall of it";
    used = to_the_end.put(open).consumed;
    EXPECT_EQ(to_the_end.put(std::string_view(open).substr(used)).state, ParseState::need_more);
    EXPECT_EQ(to_the_end.put_eof(), ParseState::done);
    EXPECT_FALSE(to_the_end.keep_alive());
    EXPECT_EQ(to_the_end.response().body, "all of it");

    ResponseParser head(1024, 100, true);
    EXPECT_EQ(head.put("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").state, ParseState::done);
}

TEST(ResponseParser, RefusesACutAnswer) {
    ResponseParser parser(1024, 100, false);
    parser.put("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    EXPECT_EQ(parser.put_eof(), ParseState::failed);
}

}  // namespace
}  // namespace muster::net
