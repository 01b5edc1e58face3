#include "provisioning/webhook.h"

#include "provisioning_fixture.h"

namespace muster::provisioning {
namespace {

using test::object;
using test::text_at;

const std::vector<std::string> offered{"own.example", "B.example"};

TEST(WebhookAnswer, NamesAHubAndMayBringATwinAndAPayload) {
    const auto plain = read_webhook_answer(R"({"iotHubHostName":"b.EXAMPLE"})", offered);
    ASSERT_TRUE(plain) << plain.error().chain();
    EXPECT_EQ(plain->hub, "B.example");
    EXPECT_FALSE(plain->initial_twin);
    EXPECT_EQ(plain->payload, "");

    const auto whole = read_webhook_answer(
        R"({"iotHubHostName":"own.example","initialTwin":{"tags":{"line":7},"properties":{"desired":{"a":1}}},
            "payload":{"greeting":"hello"},"unknown":true})",
        offered);
    ASSERT_TRUE(whole) << whole.error().chain();
    EXPECT_EQ(whole->initial_twin->tags, R"({"line":7})");
    EXPECT_EQ(whole->initial_twin->desired, R"({"a":1})");
    EXPECT_EQ(whole->payload, R"({"greeting":"hello"})");
}

TEST(WebhookAnswer, AnythingElseIsRefusedWithItsReason) {
    struct Case {
        std::string_view body;
        std::string_view mentions;
    };
    for (const auto& [body, mentions] :
         {Case{"", "JSON"}, Case{"[]", "object"}, Case{"{}", "iotHubHostName"},
          Case{R"({"iotHubHostName":"else.example"})", "none of the hubs"}, Case{R"({"iotHubHostName":7})", "string"},
          Case{R"({"iotHubHostName":"own.example","initialTwin":{"tags":7}})", "tags"},
          Case{R"({"iotHubHostName":"own.example","initialTwin":{"properties":{"desired":{"a.b":1}}}})", "a.b"}}) {
        const auto answer = read_webhook_answer(body, offered);
        ASSERT_FALSE(answer) << body;
        EXPECT_NE(answer.error().chain().find(mentions), std::string::npos) << answer.error().chain();
    }
    const auto large = fmt::format(R"({{"iotHubHostName":"own.example","payload":"{}"}})", std::string(70'000, 'x'));
    EXPECT_FALSE(read_webhook_answer(large, offered));
}

TEST(WebhookUrl, IsHttpsWithAHost) {
    for (const auto* right : {"https://hook.example", "HTTPS://hook.example:8443/a?code=x%20y", "https://[::1]/"})
        EXPECT_TRUE(check_webhook_url(right)) << right;
    for (const auto* wrong : {"", "http://hook.example", "https://", "https:///x", "https://:443/", "https://h/a b",
                              "https://h/\r\nX: y", "ftp://h"})
        EXPECT_FALSE(check_webhook_url(wrong)) << wrong;
    EXPECT_FALSE(check_webhook_url("https://h/" + std::string(3000, 'a')));
}

TEST(WebhookSignature, IsAnHmacOverTimeAndBody) {
    const Bytes key(32, 7);
    const auto now = *parse_utc("2026-11-26T18:00:00.5Z");
    const auto expected = hex_encode(pki::hmac_sha256(key, as_bytes("1795716000.{}")));
    EXPECT_EQ(webhook_signature(key, now, "{}"), "t=1795716000,v1=" + expected);
}

TEST_F(ProvisioningFixture, AWebhookIsToldTheEnrollmentWithoutItsSecrets) {
    ASSERT_TRUE(put(EnrollmentKind::group, "plant",
                    object(R"({"attestation":{"type":"symmetricKey"},"initialTwin":{"tags":{"a":1}}})")));
    const auto group = run(store_->read([](store::Tx& tx) { return tx.enrollment_groups().find("plant"); }));
    ASSERT_TRUE(group && *group);
    const auto leaf = pki_.leaf(nullptr, "dev1");
    const json::value payload{{"from", "device"}};
    const auto x509 = request("dev1", {leaf.certificate});
    const json::value asked = webhook_request({.kind = EnrollmentKind::group,
                                               .enrollment = **group,
                                               .device = x509,
                                               .current_hub = "",
                                               .current_device = "",
                                               .payload = &payload,
                                               .hubs = offered});
    EXPECT_EQ(text_at(asked, "/enrollmentGroup/enrollmentGroupId"), "plant");
    EXPECT_EQ(text_at(asked, "/enrollmentGroup/initialTwin/tags/a"), "1");
    EXPECT_EQ(text_at(asked, "/deviceRuntimeContext/registrationId"), "dev1");
    EXPECT_EQ(text_at(asked, "/deviceRuntimeContext/currentIotHubHostName"), "null");
    EXPECT_EQ(text_at(asked, "/deviceRuntimeContext/payload/from"), "device");
    EXPECT_EQ(text_at(asked, "/deviceRuntimeContext/x509/certificateInfo/sha256Thumbprint"),
              leaf.certificate.sha256_thumbprint());
    EXPECT_EQ(text_at(asked, "/linkedHubs/1"), "B.example");
    for (const auto& secret : {(*group)->primary_key, (*group)->secondary_key})
        EXPECT_EQ(json::serialize(asked).find(secret), std::string::npos);
}

}  // namespace
}  // namespace muster::provisioning
