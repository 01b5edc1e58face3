// Headers and frames of AMQP, cut anywhere.
#include "wire/amqp/framer.h"

#include <gtest/gtest.h>

namespace muster::wire::amqp {
namespace {

using namespace std::string_literals;

const std::string plain = std::string(protocol_header(Protocol::amqp));
const std::string sasl = std::string(protocol_header(Protocol::sasl));

std::string frame(std::size_t size) {
    std::string bytes(size, 'x');
    for (int i = 0; i < 4; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<char>(size >> (24 - 8 * i));
    return bytes;
}

// All that is handed on when `bytes` come in pieces of `step`; "!" at the end when it is refused.
std::string through(Framer& framer, std::string_view bytes, std::size_t step) {
    std::string out;
    while (!bytes.empty()) {
        auto part = bytes.substr(0, step);
        bytes.remove_prefix(part.size());
        while (!part.empty()) {
            const auto piece = framer.next(part);
            if (!piece) return out + "!";
            out += *piece;
        }
    }
    return out;
}

TEST(Framer, HandsOnWhatIsWholeAndCountsIt) {
    const auto bytes = plain + frame(8) + frame(300) + frame(9);
    for (const std::size_t step : {1, 3, 7, 1000}) {
        Framer framer(1024);
        EXPECT_EQ(through(framer, bytes, step), bytes);
        EXPECT_EQ(framer.ended(), 4U);
        EXPECT_FALSE(framer.midway());
    }
}

TEST(Framer, KnowsThatSomethingIsOnItsWay) {
    Framer framer(1024);
    through(framer, plain.substr(0, 3), 3);
    EXPECT_TRUE(framer.midway());
    through(framer, plain.substr(3) + frame(20).substr(0, 19), 100);
    EXPECT_TRUE(framer.midway());
    EXPECT_EQ(framer.held(), 19U);
    EXPECT_EQ(framer.ended(), 1U);
    through(framer, "x", 1);
    EXPECT_FALSE(framer.midway());
}

TEST(Framer, RefusesAnotherProtocol) {
    for (const auto& header :
         {"GET / HTTP"s, "\x16\x03\x01\x00\xc8\x01\x00\x00"s, "AMQP\2\1\0\0"s, "AMQP\0\1\0\1"s, "AMQP\1\1\0\x9"s}) {
        Framer framer(1024);
        EXPECT_EQ(through(framer, header, 1), "!") << header;
    }
}

TEST(Framer, RefusesFramesBeyondTheLimitAndBelowTheirOwnHeaderByTheirSize) {
    for (const auto& size : {"\0\0\0\0"s, "\0\0\0\7"s, "\0\0\4\1"s, "\xff\xff\xff\xff"s}) {
        Framer framer(1024);
        EXPECT_EQ(through(framer, plain + size, 1), plain + "!");
    }
}

TEST(Framer, ExpectsAmqpAfterSasl) {
    Framer framer(64 * 1024);
    through(framer, sasl + frame(100), 10);
    EXPECT_TRUE(framer.in_sasl());
    framer.expect_amqp();
    const auto after = plain + frame(10'000);
    EXPECT_EQ(through(framer, after, 4096), after);

    Framer again(64 * 1024);
    through(again, sasl, 8);
    again.expect_amqp();
    EXPECT_EQ(through(again, sasl, 8), "!");
}

TEST(Framer, BoundsTheFramesOfSasl) {
    Framer framer(64 * 1024);
    EXPECT_EQ(through(framer, sasl + frame(4096) + frame(4097), 64), sasl + frame(4096) + "!");
}

}  // namespace
}  // namespace muster::wire::amqp
