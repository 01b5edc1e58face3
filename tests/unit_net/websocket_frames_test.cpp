// WebSocket frames: every way to cut them, every length, and what must not pass (RFC 6455 section 5).
#include "net/websocket_frames.h"

#include <gtest/gtest.h>

namespace muster::net {
namespace {

using namespace std::string_literals;

constexpr char mask[] = "\x11\x22\x33\x44";

std::string client_frame(unsigned char first, std::string payload) {
    auto frame = binary_frame(payload);
    const auto header = frame.size() - payload.size();
    for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
    frame[0] = static_cast<char>(first);
    frame[1] = static_cast<char>(static_cast<unsigned char>(frame[1]) | 0x80);
    return frame.substr(0, header) + std::string(mask, 4) + payload;
}

std::string take(FrameDecoder& decoder, std::string bytes, std::size_t piece) {
    std::string out;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        const auto part = std::span(bytes).subspan(at, std::min(piece, bytes.size() - at));
        const auto kept = decoder.take(part);
        out.append(part.data(), kept);
    }
    return out;
}

TEST(WebSocketFrames, EveryLengthHoweverItIsCut) {
    for (const std::size_t size : {0UL, 1UL, 125UL, 126UL, 127UL, 65535UL, 65536UL, 70000UL}) {
        const std::string payload(size, 'p');
        for (const std::size_t piece : {1UL, 3UL, 1000UL, 100000UL}) {
            FrameDecoder decoder(1024 * 1024);
            EXPECT_EQ(take(decoder, client_frame(0x82, payload) + client_frame(0x82, "!"), piece), payload + "!");
            EXPECT_EQ(decoder.state(), FrameState::open);
        }
    }
}

TEST(WebSocketFrames, FragmentsWithAPingBetween) {
    const auto bytes = client_frame(0x02, "one ") + client_frame(0x89, "are you there") + client_frame(0x00, "two ") +
                       client_frame(0x80, "three");
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
        FrameDecoder decoder(1000);
        EXPECT_EQ(take(decoder, bytes, piece), "one two three");
        EXPECT_TRUE(decoder.ping_waits());
        EXPECT_EQ(decoder.take_ping(), "are you there");
        EXPECT_FALSE(decoder.ping_waits());
    }
}

TEST(WebSocketFrames, TheBytesOfTheStandard) {
    // Section 5.7: a single-frame masked "Hello", here as binary.
    FrameDecoder decoder(1000);
    EXPECT_EQ(take(decoder, "\x82\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s, 100), "Hello");
    EXPECT_EQ(binary_frame("Hello"), "\x82\x05Hello"s);
    EXPECT_EQ(pong_frame("Hello"), "\x8a\x05Hello"s);
    EXPECT_EQ(close_frame(1000), "\x88\x02\x03\xe8"s);
}

TEST(WebSocketFrames, CloseIsTheLastThingTaken) {
    for (const auto& [payload, code] :
         {std::pair(""s, 1000), std::pair("\x03\xe9"s, 1001), std::pair("\x0f\xa0why"s, 4000)}) {
        FrameDecoder decoder(1000);
        EXPECT_EQ(take(decoder, client_frame(0x82, "a") + client_frame(0x88, payload) + client_frame(0x82, "b"), 1),
                  "a");
        EXPECT_EQ(decoder.state(), FrameState::closed_by_peer);
        EXPECT_EQ(decoder.code(), code);
    }
}

TEST(WebSocketFrames, WhatBreaksTheRulesEndsTheSession) {
    const std::tuple<const char*, std::string, int> cases[] = {
        {"not masked", binary_frame("x"), 1002},
        {"text", client_frame(0x81, "x"), 1003},
        {"a reserved bit", client_frame(0xc2, "x"), 1002},
        {"a reserved opcode", client_frame(0x83, "x"), 1002},
        {"a reserved control opcode", client_frame(0x8b, "x"), 1002},
        {"continues nothing", client_frame(0x80, "x"), 1002},
        {"begins again", client_frame(0x02, "x") + client_frame(0x82, "y"), 1002},
        {"a ping in fragments", client_frame(0x09, "x"), 1002},
        {"a ping of 126 bytes", client_frame(0x89, std::string(126, 'x')), 1002},
        {"a close of one byte", client_frame(0x88, "x"), 1002},
        {"a close with 1005", client_frame(0x88, "\x03\xed"), 1002},
        {"a close with 999", client_frame(0x88, "\x03\xe7"), 1002},
        {"a frame above the limit", client_frame(0x82, std::string(1001, 'x')), 1009},
        {"a frame without end", "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"s, 1009},
    };
    for (const auto& [name, bytes, code] : cases) {
        for (const std::size_t piece : {1UL, 4096UL}) {
            FrameDecoder decoder(1000);
            take(decoder, bytes, piece);
            EXPECT_EQ(decoder.state(), FrameState::failed) << name;
            EXPECT_EQ(decoder.code(), code) << name;
        }
    }
}

}  // namespace
}  // namespace muster::net
