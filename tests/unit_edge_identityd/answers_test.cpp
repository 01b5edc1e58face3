// What DPS says of a registration when it is only asked about (facts/dps.md 1.3).
#include "edge/identityd/dps_answer.h"

#include <gmock/gmock.h>

namespace muster::edge::identityd {
namespace {

using ::testing::HasSubstr;

std::string refusal_in(std::string_view body) {
    const auto reading = read_registration(body, "press-1");
    return reading.refusal ? reading.refusal->message() : std::string();
}

TEST(RegistrationAnswer, AnAssignmentStandsInNoRegistrationState) {
    const auto reading = read_registration(
        R"({"registrationId":"press-1","status":"assigned","assignedHub":"h.example","deviceId":"d"})", "press-1");
    ASSERT_TRUE(reading.assignment);
    EXPECT_EQ(reading.assignment->hub, "h.example");
    EXPECT_EQ(reading.assignment->device_id, "d");
}

TEST(RegistrationAnswer, OneThatIsNotFinalIsNeither) {
    const auto reading = read_registration(R"({"status":"assigning"})", "press-1");
    EXPECT_FALSE(reading.assignment);
    EXPECT_FALSE(reading.refusal);
}

TEST(RegistrationAnswer, WhatCameToNothing) {
    EXPECT_THAT(refusal_in(R"({"status":"failed","errorCode":429001,"errorMessage":"the hub is full"})"),
                HasSubstr("429001: the hub is full"));
    EXPECT_THAT(refusal_in(R"({"status":"disabled"})"), HasSubstr("is disabled"));
    EXPECT_THAT(refusal_in(R"({"registrationState":{"status":"assigned"}})"), HasSubstr("cannot be used"));
    EXPECT_THAT(refusal_in("<html>"), HasSubstr("cannot be used"));
}

}  // namespace
}  // namespace muster::edge::identityd
