#include "base/json.h"

#include <gmock/gmock.h>

namespace muster {
namespace {

using ::testing::HasSubstr;

TEST(Json, RefusesTrailingBytesAndDepth) {
    EXPECT_TRUE(parse_json("{\"a\": [1]} "));
    EXPECT_FALSE(parse_json("{} x"));
    EXPECT_FALSE(parse_json(""));
    EXPECT_FALSE(parse_json(std::string(40, '[') + std::string(40, ']')));
    const auto array = parse_json_object("[1]");
    ASSERT_FALSE(array);
    EXPECT_EQ(array.error().code(), Errc::invalid_argument);
}

TEST(Json, RefusesNumbersThatItCouldNotWrite) {
    for (const auto* text : {"1e400", "-1e400", "[66666666666666E661]", R"({"a": {"b": [0, 1E309]}})"})
        EXPECT_FALSE(parse_json(text)) << text;
    const auto large = parse_json(R"({"a": [1.7e308, -1.7e308, 1e-400, 18446744073709551615]})");
    ASSERT_TRUE(large);
    EXPECT_TRUE(parse_json(json::serialize(*large)));
}

TEST(Json, MembersByNameAndType) {
    const auto object = parse_json_object(R"({"s": "x", "b": true, "n": 5, "nil": null, "o": {}})");
    ASSERT_TRUE(object);
    EXPECT_EQ(*optional_string(*object, "s"), "x");
    EXPECT_EQ(*optional_bool(*object, "b"), true);
    EXPECT_EQ(*optional_integer(*object, "n"), 5);
    EXPECT_EQ(*optional_string(*object, "nil"), std::nullopt);
    EXPECT_EQ(*optional_object(*object, "absent"), nullptr);
    EXPECT_NE(*optional_object(*object, "o"), nullptr);
    EXPECT_EQ(string_or(*object, "s"), "x");
    EXPECT_EQ(string_or(*object, "n", "d"), "d");
}

TEST(Json, ComplaintsNameTheMember) {
    const auto object = parse_json_object(R"({"s": 1})");
    ASSERT_TRUE(object);
    const auto wrong = required_string(*object, "s");
    ASSERT_FALSE(wrong);
    EXPECT_THAT(wrong.error().message(), HasSubstr("\"s\""));
    const auto missing = required_string(*object, "deviceId");
    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error().message(), HasSubstr("\"deviceId\" is missing"));
}

TEST(Json, PrettyParsesBack) {
    const auto value = parse_json(R"({"a":[1,{"b":null}],"c":"\n","e":[],"f":{}})");
    ASSERT_TRUE(value);
    EXPECT_EQ(*parse_json(pretty(*value)), *value);
}

}  // namespace
}  // namespace muster
