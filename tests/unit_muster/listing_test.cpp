#include <gmock/gmock.h>

#include "base/json.h"
#include "base/text.h"
#include "fixture.h"

namespace muster::cli {
namespace {

using testing::HasSubstr;

// `count` enrollments, in pages as asked for, the continuation being the number of the next one.
ScriptedService::Handler enrollments(std::size_t count) {
    return [count](const net::HttpRequest& request) {
        const auto page = parse_integer<std::size_t>(request.headers.get("x-ms-max-item-count")).value_or(0);
        const auto from = parse_integer<std::size_t>(request.headers.get("x-ms-continuation")).value_or(0);
        json::array items;
        for (auto i = from; i < std::min(count, from + page); ++i) {
            items.push_back(
                json::object{{"registrationId", fmt::format("dev-{:06}", i)}, {"provisioningStatus", "enabled"}});
        }
        auto answer = json_answer(200, json::serialize(items));
        if (from + page < count) answer.headers.set("x-ms-continuation", fmt::format("{}", from + page));
        return answer;
    };
}

std::size_t lines(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

TEST(Listing, FollowsContinuationsToTheEnd) {
    const ScriptedService service(enrollments(1234));
    const auto ran = service.run({"enrollment", "list", "--page", "500"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(lines(ran.out), 1235u);
    EXPECT_THAT(ran.out, HasSubstr("dev-001233"));
    EXPECT_EQ(service.requests().size(), 3u);
    EXPECT_EQ(service.requests()[0].target, "/enrollments/query?api-version=2021-10-01");
    EXPECT_EQ(service.requests()[0].body, R"({"query":"SELECT *"})");
}

TEST(Listing, JsonIsOneDocument) {
    const ScriptedService service(enrollments(250));
    const auto ran = service.run({"enrollment", "list", "-o", "json"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    const auto document = parse_json(ran.out);
    ASSERT_TRUE(document);
    EXPECT_EQ(document->as_array().size(), 250u);
}

TEST(Listing, TopAsksForNoMoreThanIsShown) {
    const ScriptedService service(enrollments(1000));
    const auto ran = service.run({"enrollment", "list", "--top", "130", "--page", "100"});
    EXPECT_EQ(lines(ran.out), 131u);
    EXPECT_THAT(ran.err, HasSubstr("The first 130; there are more"));
    ASSERT_EQ(service.requests().size(), 2u);
    EXPECT_EQ(service.requests()[1].headers.get("x-ms-max-item-count"), "30");
}

TEST(Listing, TopThatIsAllSaysNothingOfMore) {
    const ScriptedService service(enrollments(5));
    const auto ran = service.run({"enrollment", "list", "--top", "5"});
    EXPECT_EQ(lines(ran.out), 6u);
    EXPECT_EQ(ran.err, "");
}

TEST(Listing, AnEmptyListIsSaidOnStandardError) {
    const ScriptedService service(enrollments(0));
    const auto table = service.run({"enrollment", "list"});
    EXPECT_EQ(table.code, 0);
    EXPECT_EQ(table.out, "");
    EXPECT_THAT(table.err, HasSubstr("no individual enrollments"));
    const auto document = service.run({"enrollment", "list", "-o", "json"});
    EXPECT_EQ(document.out, "[]\n");
    EXPECT_EQ(document.err, "");
}

TEST(Listing, AFailureInTheMiddleLeavesNoWholeDocument) {
    const ScriptedService service([](const net::HttpRequest& request) {
        if (request.headers.find("x-ms-continuation") != nullptr) {
            return json_answer(503, R"({"errorCode":503001,"message":"the disk is full","trackingId":"t-9"})");
        }
        auto answer = json_answer(200, R"([{"registrationId":"dev-1"}])");
        answer.headers.set("x-ms-continuation", "next");
        return answer;
    });
    const auto ran = service.run({"enrollment", "list", "-o", "json"});
    EXPECT_EQ(ran.code, 1);
    EXPECT_FALSE(parse_json(ran.out));
    EXPECT_THAT(ran.err, HasSubstr("the disk is full"));
}

TEST(Listing, ARepeatedPageEndsIt) {
    const ScriptedService service([](const net::HttpRequest&) {
        auto answer = json_answer(200, R"([{"registrationId":"dev-1"}])");
        answer.headers.set("x-ms-continuation", "same");
        return answer;
    });
    const auto ran = service.run({"enrollment", "list"});
    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.err, HasSubstr("repeats a page"));
}

}  // namespace
}  // namespace muster::cli
