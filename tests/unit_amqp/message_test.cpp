// Messages, written and read.
#include "wire/amqp/message.h"

#include <gtest/gtest.h>

namespace muster::wire::amqp {
namespace {

using namespace std::string_literals;

Message round_trip(const Message& message) {
    const auto bytes = encode_message(message);
    EXPECT_TRUE(bytes.has_value());
    auto read = decode_message(*bytes);
    EXPECT_TRUE(read.has_value()) << (read ? "" : read.error().chain());
    return read.value_or(Message{});
}

TEST(AmqpMessage, KeepsWhatItHolds) {
    Message message;
    message.id = std::uint64_t{7};
    message.correlation_id = "af8a5b6c-0000"s;
    message.annotations.set("operation", "GET"s);
    message.properties.set("iotdps-operation-type", "iotdps-register"s);
    message.properties.set("iotdps-forceRegistration", false);
    message.properties.set("nothing", std::monostate());
    message.properties.set("big", std::uint64_t{1} << 63);
    message.properties.set("half", 0.5);
    message.body = "{\"registrationId\":\"press-1\"}";
    EXPECT_EQ(round_trip(message), message);
}

TEST(AmqpMessage, KeepsTheTypeOfAnId) {
    const Uuid uuid{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    for (const MessageId& id : {MessageId(), MessageId(uuid), MessageId(Binary{"\0\1"s}), MessageId("text"s),
                                MessageId(std::uint64_t{1} << 40)}) {
        Message message;
        message.correlation_id = id;
        EXPECT_EQ(round_trip(message).correlation_id, id);
    }
}

TEST(AmqpMessage, WritesLargeBodies) {
    Message message;
    message.body.assign(300'000, 'b');
    EXPECT_EQ(round_trip(message), message);
}

TEST(AmqpMessage, ReadsDataInPiecesAndText) {
    // Two data sections (descriptor 0x75, binary); one amqp-value (0x77) that is a string.
    EXPECT_EQ(decode_message("\0\x53\x75\xa0\2ab\0\x53\x75\xa0\1c"s)->body, "abc");
    EXPECT_EQ(decode_message("\0\x53\x77\xa1\3xyz"s)->body, "xyz");
    EXPECT_EQ(decode_message("\0\x53\x77\xa1\0"s)->body, "");
}

TEST(AmqpMessage, RefusesWhatIsNone) {
    for (const auto& bytes :
         {""s, "GET / HTTP/1.1"s, "\0"s, "\0\x53"s, "\0\x53\x75\xa0\x20short"s, "\0\x53\x77\x45"s /* a list */}) {
        EXPECT_FALSE(decode_message(bytes).has_value()) << bytes;
    }
}

TEST(AmqpMessage, BoundsTheNumberOfProperties) {
    Message message;
    for (int i = 0; i < 257; ++i) message.properties.set(fmt::format("p{}", i), true);
    EXPECT_EQ(decode_message(*encode_message(message)).error().code(), Errc::too_large);
}

TEST(AmqpMap, FindsTextAlone) {
    Map map;
    map.set("n", std::int32_t{1});
    map.set("t", "x"s);
    EXPECT_EQ(map.text("t"), "x");
    EXPECT_EQ(map.text("n"), "");
    EXPECT_EQ(map.find("m"), nullptr);
}

}  // namespace
}  // namespace muster::wire::amqp
