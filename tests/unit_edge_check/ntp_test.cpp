#include "edge/check/ntp.h"

#include <gtest/gtest.h>

namespace muster::edge::checks {
namespace {

using std::chrono::milliseconds;

const TimePoint sent = parse_utc("2026-11-26T17:00:00.25Z").value();

// A server's answer whose clock is `ahead` of ours, after no time at all.
Bytes answer(milliseconds ahead) {
    auto packet = ntp_question(sent + ahead);
    Bytes out(48);
    out[0] = 0x24;
    out[1] = 2;
    const auto question = ntp_question(sent);
    for (std::size_t i = 0; i < 8; ++i) {
        out[24 + i] = question[40 + i];
        out[32 + i] = packet[40 + i];
        out[40 + i] = packet[40 + i];
    }
    return out;
}

TEST(Ntp, TheQuestionIsAClients) {
    const auto packet = ntp_question(parse_utc("1970-01-01T00:00:00.5Z").value());
    EXPECT_EQ(packet.size(), 48U);
    EXPECT_EQ(packet[0], 0x23);
    EXPECT_EQ(hex_encode(ByteView(packet).subspan(40)), "83aa7e8080000000");  // RFC 868: 2208988800
}

TEST(Ntp, TheOffsetIsWhatTheServerIsAhead) {
    for (const auto ahead : {milliseconds(0), milliseconds(12'345), milliseconds(-3'600'000)})
        EXPECT_NEAR(static_cast<double>(ntp_offset(answer(ahead), sent, sent)->count()),
                    static_cast<double>(ahead.count()), 1);
    // A second on the way there and back is halved.
    EXPECT_NEAR(
        static_cast<double>(ntp_offset(answer(milliseconds(500)), sent, sent + std::chrono::seconds(1))->count()), 0,
        1);
}

TEST(Ntp, TheNextEra) {
    const auto late = parse_utc("2040-01-01T00:00:00Z").value();
    const auto packet = ntp_question(late);
    Bytes out(48);
    out[0] = 0x24;
    out[1] = 1;
    for (std::size_t i = 0; i < 8; ++i) out[24 + i] = out[32 + i] = out[40 + i] = packet[40 + i];
    EXPECT_EQ(ntp_offset(out, late, late)->count(), 0);
}

TEST(Ntp, WhatIsNoAnswerIsRefused) {
    auto good = answer(milliseconds(0));
    EXPECT_FALSE(ntp_offset(ByteView(good).first(47), sent, sent));
    EXPECT_FALSE(ntp_offset({}, sent, sent));
    auto client = good;
    client[0] = 0x23;
    EXPECT_FALSE(ntp_offset(client, sent, sent));
    auto unsynchronised = good;
    unsynchronised[0] = 0xe4;
    EXPECT_FALSE(ntp_offset(unsynchronised, sent, sent));
    auto kiss_of_death = good;
    kiss_of_death[1] = 0;
    EXPECT_FALSE(ntp_offset(kiss_of_death, sent, sent));
    EXPECT_FALSE(ntp_offset(good, sent + std::chrono::seconds(1), sent));
}

}  // namespace
}  // namespace muster::edge::checks
