// User names and topics as the SDKs write them, and what must not pass for one.
#include "endpoints/provisioning_topics.h"

#include <gtest/gtest.h>

namespace muster::endpoints {
namespace {

using Kind = ProvisioningTopic::Kind;

TEST(ProvisioningUserName, AsTheSdksWriteIt) {
    for (const auto* text : {
             "0ne1/registrations/Dev-1/api-version=2019-03-31&ClientVersion=azure-iot-provisioning-device%2F1.9.1",
             "0ne1/registrations/Dev-1/api-version=2021-06-01&ClientVersion=1.15.0",
             "0ne1/registrations/Dev-1/api-version=2019-03-31",
             "0ne1/registrations/Dev-1/?api-version=2019-03-31",
             "0ne1/registrations/Dev-1/clientVersion=raw/with/slashes&API-version=2025-07-01-preview",
             "0ne1/Registrations/Dev%2D1/api-version=2019-03-31",
         }) {
        const auto user = parse_provisioning_user_name(text);
        ASSERT_TRUE(user) << text;
        EXPECT_EQ(user->scope, "0ne1");
        EXPECT_EQ(user->registration_id, "Dev-1");
        EXPECT_TRUE(user->api_version.starts_with("20"));
    }
}

TEST(ProvisioningUserName, SaysWhatTheClientIs) {
    const auto version = [](const char* text) { return parse_provisioning_user_name(text)->client_version; };
    EXPECT_EQ(version("0ne1/registrations/d/api-version=2019-03-31&ClientVersion=a%2Fb"), "a%2Fb");
    EXPECT_EQ(version("0ne1/registrations/d/clientVersion=raw/with/slashes&api-version=2019-03-31"),
              "raw/with/slashes");
    EXPECT_EQ(version("0ne1/registrations/d/api-version=2019-03-31"), "");
}

TEST(ProvisioningUserName, NothingElse) {
    for (const auto* text : {"", "0ne1", "0ne1/registrations/d", "0ne1/registrations/d/",
                             "0ne1/registrations/d/api-version=", "0ne1/registrations/d/api-version=now",
                             "0ne1/registrations//api-version=2019-03-31", "/registrations/d/api-version=2019-03-31",
                             "0ne1/devices/d/api-version=2019-03-31", "hub.example/d/?api-version=2021-04-12",
                             "0ne1/registrations/%0/api-version=2019-03-31",
                             "0ne1/registrations/%00/api-version=2019-03-31", "///", "////api-version=2019-03-31"})
        EXPECT_FALSE(parse_provisioning_user_name(text)) << text;
}

TEST(ProvisioningTopic, RegisterAndStatus) {
    const auto registers = parse_provisioning_topic("$dps/registrations/PUT/iotdps-register/?$rid=a-b%20c");
    ASSERT_TRUE(registers);
    EXPECT_EQ(registers->kind, Kind::register_device);
    EXPECT_EQ(registers->request_id, "a-b%20c");  // as it came
    const auto status =
        parse_provisioning_topic("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1&operationId=5.0%2E1");
    ASSERT_TRUE(status);
    EXPECT_EQ(status->kind, Kind::operation_status);
    EXPECT_EQ(status->operation_id, "5.0.1");
    EXPECT_EQ(
        parse_provisioning_topic("$dps/registrations/GET/iotdps-get-operationstatus/?operationId=x&$rid=1")->request_id,
        "1");
    EXPECT_EQ(parse_provisioning_topic("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1")->operation_id, "");
}

TEST(ProvisioningTopic, NothingElse) {
    for (const std::string topic :
         {"", "$dps/registrations/PUT/iotdps-register/", "$dps/registrations/PUT/iotdps-register/?",
          "$dps/registrations/PUT/iotdps-register/?$rid=", "$dps/registrations/PUT/iotdps-register/?rid=1",
          "$dps/registrations/res/200/?$rid=1", "devices/d/messages/events/"})
        EXPECT_FALSE(parse_provisioning_topic(topic)) << topic;
    EXPECT_FALSE(parse_provisioning_topic("$dps/registrations/PUT/iotdps-register/?$rid=" + std::string(257, 'x')));
}

TEST(ProvisioningTopic, TheResponseNamesTheRequestFirst) {
    EXPECT_EQ(provisioning_response_topic(200, "a", {}), "$dps/registrations/res/200/?$rid=a");
    EXPECT_EQ(provisioning_response_topic(202, "a", std::chrono::seconds(3)),
              "$dps/registrations/res/202/?$rid=a&retry-after=3");
}

}  // namespace
}  // namespace muster::endpoints
