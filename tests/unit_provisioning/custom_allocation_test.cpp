// Hubs chosen by a webhook.
#include "hubs_fixture.h"

namespace muster::provisioning {
namespace {

class CustomTest : public HubsTest {
protected:
    CustomTest() {
        link("b.example");
        const auto made = group(object(R"({"allocationPolicy":"custom",
            "customAllocationDefinition":{"webhookUrl":"https://hook.example/choose?code=1","apiVersion":"2019-03-31"},
            "initialTwin":{"tags":{"from":"enrollment"}}})"));
        EXPECT_TRUE(made) << why(made);
    }
    void answer(int status, std::string body) { outside_.replies = {WebhookReply{status, std::move(body)}}; }
};

TEST_F(CustomTest, TheWebhookChoosesHubTwinAndPayload) {
    answer(200, R"({"iotHubHostName":"b.example","initialTwin":{"tags":{"from":"hook"}},"payload":{"hello":[1]}})");
    const auto state = registered("dev1", object(R"({"payload":{"model":"m"}})"));
    EXPECT_EQ(text_at(state, "/assignedHub"), "b.example") << json::serialize(state);
    EXPECT_EQ(text_at(state, "/payload/hello/0"), "1");
    EXPECT_EQ(record("/payload/hello/0"), "1");
    EXPECT_EQ(outside_.device("b.example", "dev1").twin.tags, R"({"from":"hook"})");
    ASSERT_EQ(outside_.asked.size(), 1u);
    EXPECT_EQ(outside_.asked[0].first, "https://hook.example/choose?code=1");
    const json::value asked = object(outside_.asked[0].second);
    EXPECT_EQ(text_at(asked, "/deviceRuntimeContext/payload/model"), "m");
    EXPECT_EQ(text_at(asked, "/linkedHubs"), R"(["hub.example","b.example"])");
    // The next time it is told where the device is.
    answer(200, R"({"iotHubHostName":"hub.example"})");
    EXPECT_EQ(text_at(registered(), "/substatus"), "deviceDataMigrated");
    const json::value again = object(outside_.asked[1].second);
    EXPECT_EQ(text_at(again, "/deviceRuntimeContext/currentIotHubHostName"), "b.example");
    EXPECT_EQ(text_at(again, "/deviceRuntimeContext/currentDeviceId"), "dev1");
}

TEST_F(CustomTest, WhatItDoesWrongFailsTheRegistration) {
    struct Case {
        int status;
        std::string body;
        std::string_view mentions;
    };
    for (const auto& [status, body, mentions] :
         {Case{500, "", "status code: 500"}, Case{404, "no", "status code: 404"},
          Case{200, "<html>", "status code: 200"},
          Case{200, R"({"iotHubHostName":"foreign.example"})", "foreign.example"}}) {
        answer(status, body);
        const auto state = registered();
        EXPECT_EQ(text_at(state, "/status"), "failed");
        EXPECT_EQ(text_at(state, "/errorCode"), std::to_string(code::custom_allocation_failed));
        EXPECT_NE(text_at(state, "/errorMessage").find(mentions), std::string::npos) << json::serialize(state);
    }
    outside_.replies.clear();
    EXPECT_EQ(text_at(registered(), "/errorCode"), std::to_string(code::custom_allocation_failed));
}

TEST_F(CustomTest, AFaultThatPassesIsAskedAgain) {
    outside_.replies = {WebhookReply{503, ""}, fail(Errc::timeout, "slow"),
                        WebhookReply{200, R"({"iotHubHostName":"hub.example"})"}};
    EXPECT_EQ(text_at(registered(), "/assignedHub"), own);
    EXPECT_EQ(outside_.asked.size(), 3u);
}

}  // namespace
}  // namespace muster::provisioning
