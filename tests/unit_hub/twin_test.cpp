// What is stored of a twin, as it is shown.
#include "hub/twin.h"

#include <gtest/gtest.h>

#include <cmath>

namespace muster::hub {
namespace {

TEST(Twin, ANumberThatWasStoredAsInfinityIsShownAsTheGreatest) {
    const auto infinite = json::serialize(json::value(HUGE_VAL));
    const auto text = R"({"a":[)" + infinite + ",-" + infinite + R"(],"b":{"c":)" + infinite +
                      R"(,"s":"say \"Infinity\\","t":"Infinity"}})";
    ASSERT_FALSE(parse_json_object(text)) << text;
    const auto twin = twin_to_json({.device_id = "d", .tags = text});
    const auto& tags = twin.at("tags").as_object();
    EXPECT_EQ(tags.at("a").at(0).as_double(), 1.7976931348623157e308);
    EXPECT_EQ(tags.at("a").at(1).as_double(), -1.7976931348623157e308);
    EXPECT_EQ(tags.at("b").at("c").as_double(), 1.7976931348623157e308);
    EXPECT_EQ(tags.at("b").at("s").as_string(), R"(say "Infinity\)");
    EXPECT_EQ(tags.at("b").at("t").as_string(), "Infinity");
}

TEST(Twin, WhatCannotBeReadIsShownAsEmpty) {
    const auto twin = twin_to_json({.device_id = "d", .tags = "{\"a\":", .desired = "[]"});
    EXPECT_TRUE(twin.at("tags").as_object().empty());
    EXPECT_EQ(twin.at("properties").at("desired").as_object().size(), 2u);
}

}  // namespace
}  // namespace muster::hub
