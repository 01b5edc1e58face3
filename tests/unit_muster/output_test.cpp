#include "muster/output.h"

#include <gtest/gtest.h>

#include "fixture.h"

namespace muster::cli {
namespace {

using namespace std::chrono_literals;

TEST(RelativeTime, IsWhatPeopleSay) {
    const auto now = test_now();
    EXPECT_EQ(relative_time(now, now), "just now");
    EXPECT_EQ(relative_time(now - 59s, now), "59 s ago");
    EXPECT_EQ(relative_time(now - 5min, now), "5 min ago");
    EXPECT_EQ(relative_time(now - 26h, now), "26 h ago");
    EXPECT_EQ(relative_time(now - std::chrono::days(3), now), "3 days ago");
    EXPECT_EQ(relative_time(now - std::chrono::days(100), now), "2026-08-16");
    EXPECT_EQ(relative_time(now + 3h, now), "in 3 h");
}

TEST(LongTime, IsAbsoluteAndRelative) {
    const json::object object{
        {"at", "2026-11-24T06:57:00.1234567Z"}, {"never", "0001-01-01T00:00:00"}, {"odd", "soon"}};
    EXPECT_EQ(long_time(object, "at", test_now()), "2026-11-24 06:57:00 UTC (2 min ago)");
    EXPECT_EQ(long_time(object, "never", test_now()), "never");
    EXPECT_EQ(long_time(object, "odd", test_now()), "soon");
    EXPECT_EQ(long_time(object, "absent", test_now()), "");
    EXPECT_EQ(short_time(object, "at", test_now()), "2 min ago");
}

TEST(TextAt, FollowsDots) {
    const auto object = parse_json_object(R"({"a":{"b":{"c":"text","n":7,"t":true}}})").value();
    EXPECT_EQ(text_at(object, "a.b.c"), "text");
    EXPECT_EQ(text_at(object, "a.b.n"), "7");
    EXPECT_EQ(text_at(object, "a.b.t"), "true");
    EXPECT_EQ(text_at(object, "a.x.c"), "");
    EXPECT_EQ(text_at(object, "a.b.c.d"), "");
    EXPECT_EQ(object_at(object, "a.b.c"), nullptr);
}

TEST(JsonArrayPrinter, WritesOneDocument) {
    std::string out;
    Io io;
    io.out = [&out](std::string_view text) { out += text; };
    JsonArrayPrinter some(io);
    some.add(json::object{{"a", 1}});
    some.add(json::object{{"a", json::array{1, 2}}});
    some.finish();
    const auto parsed = parse_json(out);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->as_array().size(), 2u);
    out.clear();
    JsonArrayPrinter none(io);
    none.finish();
    EXPECT_EQ(out, "[]\n");
}

TEST(PrintError, OneLineForEachCauseAndTheWayOutLast) {
    std::string err;
    Io io;
    io.err = [&err](std::string_view text) { err += text; };
    print_error(io, Error(Errc::io, "the disk is full").wrap("cannot write x").with_hint("Make room."));
    EXPECT_EQ(err, "muster: cannot write x\n  the disk is full\n  Make room.\n");
}

}  // namespace
}  // namespace muster::cli
