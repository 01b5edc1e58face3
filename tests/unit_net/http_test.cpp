#include "net/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace muster::net {
namespace {

using testing::ElementsAre;

TEST(Headers, AreFoundWithoutCase) {
    Headers headers;
    headers.add("Content-Type", "a");
    headers.set("content-TYPE", "b");
    EXPECT_EQ(headers.get("CONTENT-type"), "b");
    EXPECT_EQ(headers.find("Other"), nullptr);
    headers.remove("content-type");
    EXPECT_TRUE(headers.empty());
}

TEST(HttpRequest, TakesItsTargetApart) {
    HttpRequest request;
    request.target = "/a%20b/c?api-version=2019-03-31&X=%3D%26&flag";
    EXPECT_EQ(request.path(), "/a%20b/c");
    EXPECT_EQ(request.parameter("API-Version"), "2019-03-31");
    EXPECT_EQ(request.parameter("x"), "=&");
    EXPECT_EQ(request.parameter("flag"), "");
    EXPECT_EQ(request.parameter("absent"), std::nullopt);
}

TEST(PathSegments, AreDecodedOnce) {
    EXPECT_THAT(*path_segments("/a%2Fb/c%2520/"), ElementsAre("a/b", "c%20"));
    EXPECT_THAT(*path_segments("/"), ElementsAre());
    EXPECT_THAT(*path_segments("/a//b"), ElementsAre("a", "", "b"));
    EXPECT_FALSE(path_segments("/a%2"));
    EXPECT_FALSE(path_segments("/a%00b"));
}

TEST(ReasonPhrase, IsNeverEmpty) {
    EXPECT_EQ(reason_phrase(404), "Not Found");
    EXPECT_FALSE(reason_phrase(299).empty());
}

}  // namespace
}  // namespace muster::net
