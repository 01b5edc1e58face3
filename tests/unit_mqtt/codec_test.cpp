// MQTT packets: round trips, bytes from the standard's own figures, and everything that must not pass.
#include "wire/mqtt/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace muster::wire::mqtt {
namespace {

using namespace std::string_literals;

constexpr std::size_t limit = 64 * 1024;

std::string bytes_of(const Packet& packet) {
    return serialize(packet).value();
}

template <class T>
T reparsed(T packet) {
    return std::get<T>(parse(bytes_of(std::move(packet))).value());
}

Connect a_connect() {
    Connect connect;
    connect.client_id = "press-1";
    connect.keep_alive = 180;
    connect.user_name = "0ne1/registrations/press-1/api-version=2019-03-31";
    return connect;
}

TEST(MqttCodec, ConnectComesBackAsItWas) {
    auto connect = a_connect();
    connect.password = Secret("SharedAccessSignature sr=x"s);
    connect.clean_session = false;
    connect.will = Will{"last/words", std::string("\0\xff", 2), 1, true};
    const auto back =
        reparsed(Connect{4, connect.client_id, false, 180, connect.will, connect.user_name, connect.password->clone()});
    EXPECT_EQ(back.client_id, "press-1");
    EXPECT_EQ(back.keep_alive, 180);
    EXPECT_FALSE(back.clean_session);
    EXPECT_EQ(back.user_name, connect.user_name);
    EXPECT_EQ(back.password->text(), "SharedAccessSignature sr=x");
    ASSERT_TRUE(back.will);
    EXPECT_EQ(back.will->topic, "last/words");
    EXPECT_EQ(back.will->payload, connect.will->payload);
    EXPECT_EQ(back.will->qos, 1);
    EXPECT_TRUE(back.will->retain);
}

TEST(MqttCodec, WritesTheBytesOfTheStandard) {
    EXPECT_EQ(bytes_of(Connack{false, ConnectCode::not_authorized}), "\x20\x02\x00\x05"s);
    EXPECT_EQ(bytes_of(Puback{0x1234}), "\x40\x02\x12\x34"s);
    EXPECT_EQ(bytes_of(Suback{10, {1, subscription_refused}}), "\x90\x04\x00\x0a\x01\x80"s);
    EXPECT_EQ(bytes_of(Unsuback{10}), "\xb0\x02\x00\x0a"s);
    EXPECT_EQ(bytes_of(Pubrel{1}), "\x62\x02\x00\x01"s);
    EXPECT_EQ(bytes_of(Pingreq{}), "\xc0\x00"s);
    EXPECT_EQ(bytes_of(Pingresp{}), "\xd0\x00"s);
    EXPECT_EQ(bytes_of(Disconnect{}), "\xe0\x00"s);
    EXPECT_EQ(bytes_of(Subscribe{10, {{"a/b", 1}, {"c/d", 2}}}),
              "\x82\x0e\x00\x0a\x00\x03"
              "a/b\x01\x00\x03"
              "c/d\x02"s);
    EXPECT_EQ(bytes_of(Publish{"a/b", "hello", 1, 10, false, true}),
              "\x3a\x0c\x00\x03"
              "a/b\x00\x0ahello"s);
}

TEST(MqttCodec, EveryOtherPacketComesBack) {
    EXPECT_EQ(reparsed(Connack{true, ConnectCode::accepted}).session_present, true);
    EXPECT_EQ(reparsed(Puback{7}).packet_id, 7);
    EXPECT_EQ(reparsed(Pubrec{7}).packet_id, 7);
    EXPECT_EQ(reparsed(Pubrel{7}).packet_id, 7);
    EXPECT_EQ(reparsed(Pubcomp{7}).packet_id, 7);
    EXPECT_EQ(reparsed(Unsuback{7}).packet_id, 7);
    EXPECT_THAT(reparsed(Suback{7, {0, 1, 2, 0x80}}).codes, testing::ElementsAre(0, 1, 2, 0x80));
    EXPECT_THAT(reparsed(Unsubscribe{7, {"a", "b/#"}}).filters, testing::ElementsAre("a", "b/#"));
    EXPECT_EQ(reparsed(Subscribe{7, {{"+/x", 2}}}).filters.at(0).filter, "+/x");
    EXPECT_EQ(reparsed(Publish{"t", "", 0, 0, true, false}).retain, true);
    reparsed(Pingreq{});
    reparsed(Pingresp{});
    reparsed(Disconnect{});
}

TEST(MqttCodec, LengthsAtEveryBoundary) {
    for (const std::size_t size :
         {0UL, 1UL, 120UL, 121UL, 122UL, 123UL, 16376UL, 16377UL, 16378UL, 2097140UL, 2097150UL}) {
        const auto bytes = bytes_of(Publish{"topic", std::string(size, 'x'), 0, 0, false, false});
        EXPECT_EQ(std::get<Publish>(parse(bytes).value()).payload.size(), size);
    }
}

TEST(MqttCodec, PacketsArriveByteByByteAndInHeaps) {
    std::string stream;
    for (int i = 1; i <= 5; ++i)
        stream += bytes_of(Publish{"t", std::string(static_cast<std::size_t>(i) * 100, 'x'), 1, 5, false, false}) +
                  bytes_of(Pingreq{});
    for (const std::size_t piece : {1UL, 2UL, 3UL, 127UL, 128UL, stream.size()}) {
        Decoder decoder(limit);
        std::size_t packets = 0;
        for (std::size_t at = 0; at < stream.size(); at += piece) {
            auto view = std::string_view(stream).substr(at, piece);
            while (const auto packet = decoder.next(view).value()) ++packets;
            EXPECT_TRUE(view.empty());
        }
        EXPECT_EQ(packets, 10U) << piece;
        EXPECT_FALSE(decoder.midway());
    }
}

TEST(MqttCodec, AnotherLevelIsReadNoFurther) {
    auto bytes = bytes_of(a_connect());
    bytes[8] = 5;
    EXPECT_EQ(std::get<Connect>(parse(bytes).value()).level, 5);
    EXPECT_EQ(std::get<Connect>(parse("\x10\x0c\x00\x06MQIsdp\x03\x02\x00\x00"s).value()).level, 3);
}

TEST(MqttCodec, ALengthAboveTheLimitIsRefusedBeforeItsBytes) {
    Decoder decoder(1000);
    std::string_view view = "\x30\xff\xff\xff\x7f";
    EXPECT_EQ(decoder.next(view).error().code(), Errc::too_large);
    Decoder slow(1000);
    std::string_view first = "\x30\xff", second = "\x7f";
    EXPECT_EQ(slow.next(first).value(), std::nullopt);
    EXPECT_EQ(slow.next(second).error().code(), Errc::too_large);
}

TEST(MqttCodec, MalformedPacketsAreRefused) {
    const std::pair<const char*, std::string> cases[] = {
        {"type 0", "\x00\x00"s},
        {"type 15", "\xf0\x00"s},
        {"five length bytes", "\x30\xff\xff\xff\xff\x01"s},
        {"flags of SUBSCRIBE",
         "\x80\x06\x00\x01\x00\x01"
         "a\x00"s},
        {"flags of PINGREQ", "\xc1\x00"s},
        {"PINGREQ with a body", "\xc0\x01\x00"s},
        {"SUBSCRIBE without a filter", "\x82\x02\x00\x01"s},
        {"SUBSCRIBE with QoS 3",
         "\x82\x06\x00\x01\x00\x01"
         "a\x03"s},
        {"SUBSCRIBE with id 0",
         "\x82\x06\x00\x00\x00\x01"
         "a\x00"s},
        {"SUBSCRIBE to a/#/b",
         "\x82\x0a\x00\x01\x00\x05"
         "a/#/b\x00"s},
        {"UNSUBSCRIBE without a filter", "\xa2\x02\x00\x01"s},
        {"PUBLISH to nothing", "\x30\x02\x00\x00"s},
        {"PUBLISH to a wildcard",
         "\x30\x05\x00\x03"
         "a/#"s},
        {"PUBLISH with QoS 3",
         "\x36\x05\x00\x01"
         "a\x00\x01"s},
        {"PUBLISH QoS 1 with id 0",
         "\x32\x05\x00\x01"
         "a\x00\x00"s},
        {"PUBLISH again with QoS 0",
         "\x38\x03\x00\x01"
         "a"s},
        {"PUBLISH whose topic is longer than it",
         "\x30\x03\x00\x05"
         "a"s},
        {"PUBLISH with a NUL",
         "\x30\x04\x00\x02"
         "a\x00"s},
        {"PUBLISH with bytes that are no UTF-8", "\x30\x04\x00\x02\xc0\x80"s},
        {"PUBLISH with a surrogate", "\x30\x05\x00\x03\xed\xa0\x80"s},
        {"PUBACK with more", "\x40\x03\x00\x01\x00"s},
        {"PUBACK with less", "\x40\x01\x00"s},
        {"CONNACK code 6", "\x20\x02\x00\x06"s},
        {"CONNECT of another protocol", "\x10\x0c\x00\x04HTTP\x04\x02\x00\x00\x00\x00"s},
        {"CONNECT with the reserved flag", "\x10\x0c\x00\x04MQTT\x04\x03\x00\x00\x00\x00"s},
        {"CONNECT with a password and no user", "\x10\x0f\x00\x04MQTT\x04\x42\x00\x00\x00\x00\x00\x01x"s},
        {"CONNECT with will flags and no will", "\x10\x0c\x00\x04MQTT\x04\x0a\x00\x00\x00\x00"s},
        {"CONNECT with bytes too many", "\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x00x"s},
    };
    for (const auto& [name, bytes] : cases) {
        const auto packet = parse(bytes);
        ASSERT_FALSE(packet) << name;
        EXPECT_EQ(packet.error().code(), Errc::invalid_argument) << name;
        Decoder decoder(limit);
        std::string_view view = bytes;
        EXPECT_FALSE(decoder.next(view)) << name;
    }
}

TEST(MqttCodec, WhatDoesNotFitIsNotWritten) {
    EXPECT_EQ(serialize(Publish{std::string(65536, 't'), "", 0, 0, false, false}).error().code(), Errc::too_large);
    EXPECT_TRUE(serialize(Publish{std::string(65535, 't'), "", 0, 0, false, false}));
}

}  // namespace
}  // namespace muster::wire::mqtt
