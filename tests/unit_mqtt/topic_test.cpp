// Topic names, filters and what matches what (MQTT 3.1.1 section 4.7, with its own examples).
#include <gtest/gtest.h>

#include "wire/mqtt/codec.h"

namespace muster::wire::mqtt {
namespace {

TEST(MqttTopic, Names) {
    for (const auto* name : {"a", "/", "a/b", "$dps/registrations/res/200/?$rid=1", "\xc3\xa9", "\xf0\x9f\x98\x80"})
        EXPECT_TRUE(is_topic_name(name)) << name;
    for (const auto* name : {"", "a/#", "+", "a+", "\xff", "\xf5\x80\x80\x80", "\xe2\x82"})
        EXPECT_FALSE(is_topic_name(name)) << name;
    EXPECT_FALSE(is_topic_name(std::string(65536, 'a')));
}

TEST(MqttTopic, Filters) {
    for (const auto* filter : {"#", "+", "a/#", "+/b/#", "/+", "+/+", "$SYS/#", "a//b"})
        EXPECT_TRUE(is_topic_filter(filter)) << filter;
    for (const auto* filter : {"", "a#", "#/a", "a/#/b", "a+", "+a/b", "##"})
        EXPECT_FALSE(is_topic_filter(filter)) << filter;
}

TEST(MqttTopic, Matches) {
    EXPECT_TRUE(matches("sport/tennis/player1/#", "sport/tennis/player1"));
    EXPECT_TRUE(matches("sport/tennis/player1/#", "sport/tennis/player1/ranking"));
    EXPECT_TRUE(matches("sport/#", "sport"));
    EXPECT_TRUE(matches("#", "sport/tennis"));
    EXPECT_TRUE(matches("sport/+", "sport/"));
    EXPECT_FALSE(matches("sport/+", "sport"));
    EXPECT_TRUE(matches("+/+", "/finance"));
    EXPECT_TRUE(matches("/+", "/finance"));
    EXPECT_FALSE(matches("+", "/finance"));
    EXPECT_FALSE(matches("#", "$SYS/x"));
    EXPECT_FALSE(matches("+/x", "$SYS/x"));
    EXPECT_TRUE(matches("$SYS/#", "$SYS/x"));
    EXPECT_FALSE(matches("a/b", "a/b/c"));
    EXPECT_FALSE(matches("a/b/c", "a/b"));
    EXPECT_TRUE(matches("$dps/registrations/res/#", "$dps/registrations/res/202/?$rid=1"));
}

}  // namespace
}  // namespace muster::wire::mqtt
