#include "muster/enrollment_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.h"
#include "muster/output.h"
#include "pki/certificate.h"

namespace muster::cli {
namespace {

using testing::HasSubstr;

json::object apply(const EnrollmentOptions& options, EnrollmentKind kind = EnrollmentKind::individual,
                   std::string_view before = "{}") {
    auto body = parse_json_object(before).value();
    const auto applied = apply_options(options, kind, body);
    EXPECT_TRUE(applied) << applied.error().chain();
    return body;
}

class EnrollmentOptionsTest : public testing::Test {
protected:
    TemporaryDirectory directory_;
    std::string device_ = directory_.write("device.pem", TestCertificates::get().device_pem);
    std::string ca_ = directory_.write("ca.pem", TestCertificates::get().ca_pem);
};

TEST_F(EnrollmentOptionsTest, ACreationHoldsWhatWasGivenAndNothingElse) {
    const auto body = apply({.id = "dev-1", .certificate_path = device_});
    EXPECT_EQ(text_at(body, "registrationId"), "dev-1");
    EXPECT_EQ(text_at(body, "attestation.type"), "x509");
    EXPECT_EQ(text_at(body, "attestation.x509.clientCertificates.primary.certificate"),
              TestCertificates::get().device_pem);
    EXPECT_EQ(body.size(), 2u);
}

TEST_F(EnrollmentOptionsTest, EdgeCasAreAllowedAndForbidden) {
    const auto allowed = apply({.id = "plant", .edge_ca = "true"}, EnrollmentKind::group);
    EXPECT_EQ(text_at(allowed, "edgeCaIssuance"), "true");
    const auto forbidden =
        apply({.id = "plant", .edge_ca = "false"}, EnrollmentKind::group, R"({"edgeCaIssuance":true})");
    EXPECT_FALSE(forbidden.contains("edgeCaIssuance"));
}

TEST_F(EnrollmentOptionsTest, OptionsBecomeTheMembersOfTheApi) {
    const auto body = apply({.id = "dev-1",
                             .certificate_path = device_,
                             .secondary_certificate_path = device_,
                             .device_id = "pump-7",
                             .device_information = R"({"serial":"S1"})",
                             .edge_enabled = "true",
                             .tags = {"site=oslo", "place.hall=3", R"({"n":1})"},
                             .desired = R"({"interval":5})",
                             .provisioning_status = "disabled",
                             .reprovision_policy = "reprovisionandresetdata",
                             .allocation_policy = "static",
                             .iot_hubs = {"h1.example"}});
    EXPECT_EQ(text_at(body, "deviceId"), "pump-7");
    EXPECT_EQ(text_at(body, "optionalDeviceInformation.serial"), "S1");
    EXPECT_EQ(text_at(body, "capabilities.iotEdge"), "true");
    EXPECT_EQ(json::serialize(*object_at(body, "initialTwin")),
              R"({"tags":{"site":"oslo","place":{"hall":"3"},"n":1},"properties":{"desired":{"interval":5}}})");
    EXPECT_EQ(text_at(body, "provisioningStatus"), "disabled");
    EXPECT_EQ(text_at(body, "reprovisionPolicy.updateHubAssignment"), "true");
    EXPECT_EQ(text_at(body, "reprovisionPolicy.migrateDeviceData"), "false");
    EXPECT_EQ(text_at(body, "allocationPolicy"), "static");
    EXPECT_EQ(json::serialize(body.at("iotHubs")), R"(["h1.example"])");
    EXPECT_NE(object_at(body, "attestation.x509.clientCertificates.secondary"), nullptr);
}

constexpr const char* stored = R"({"registrationId":"dev-1","deviceId":"d","etag":"\"1\"","attestation":{"type":"x509",
    "x509":{"clientCertificates":{"primary":{"info":{"subjectName":"CN=dev-1"}},"secondary":{"info":{}}}}},
    "initialTwin":{"tags":{"old":"1"},"properties":{"desired":{"kept":1}}},"capabilities":{"iotEdge":true}})";

TEST_F(EnrollmentOptionsTest, AnUpdateLeavesWhatWasNotNamed) {
    const auto body = apply({.id = "dev-1", .tags = {"new=2"}}, EnrollmentKind::individual, stored);
    EXPECT_EQ(json::serialize(*object_at(body, "initialTwin")),
              R"({"tags":{"new":"2"},"properties":{"desired":{"kept":1}}})");
    EXPECT_EQ(text_at(body, "attestation.x509.clientCertificates.primary.info.subjectName"), "CN=dev-1");
    EXPECT_EQ(text_at(body, "capabilities.iotEdge"), "true");
    EXPECT_EQ(text_at(body, "deviceId"), "d");
}

TEST_F(EnrollmentOptionsTest, RemovesOneCertificateAndKeepsTheOther) {
    const auto body = apply({.id = "dev-1", .remove_certificate = true}, EnrollmentKind::individual, stored);
    EXPECT_EQ(object_at(body, "attestation.x509.clientCertificates.primary"), nullptr);
    EXPECT_NE(object_at(body, "attestation.x509.clientCertificates.secondary"), nullptr);
}

TEST_F(EnrollmentOptionsTest, AGroupHasOneKindOfCaAtATime) {
    auto body = apply({.id = "g", .certificate_path = ca_}, EnrollmentKind::group);
    EXPECT_EQ(text_at(body, "enrollmentGroupId"), "g");
    EXPECT_NE(object_at(body, "attestation.x509.signingCertificates.primary"), nullptr);
    body = apply({.id = "g", .ca_name = "root-2026"}, EnrollmentKind::group, json::serialize(body));
    EXPECT_EQ(text_at(body, "attestation.x509.caReferences.primary"), "root-2026");
    EXPECT_EQ(object_at(body, "attestation.x509.signingCertificates"), nullptr);
    body = apply({.id = "g", .certificate_path = ca_}, EnrollmentKind::group, json::serialize(body));
    EXPECT_EQ(object_at(body, "attestation.x509.caReferences"), nullptr);
}

TEST_F(EnrollmentOptionsTest, WhatContradictsIsNotLeftAside) {
    const auto attestation = [](const EnrollmentOptions& options, EnrollmentVerb verb = EnrollmentVerb::update) {
        return options.attestation_fault(EnrollmentKind::group, verb);
    };
    EXPECT_THAT(attestation({.certificate_path = ca_, .ca_name = "root"}, EnrollmentVerb::create),
                HasSubstr("--certificate-path and --ca-name do not go together"));
    EXPECT_THAT(attestation({.certificate_path = ca_, .remove_certificate = true}), HasSubstr("--remove-certificate"));
    EXPECT_THAT(attestation({.secondary_certificate_path = ca_, .remove_secondary_certificate = true}),
                HasSubstr("--remove-secondary-certificate"));
    EXPECT_THAT(attestation({.remove_certificate = true, .ca_name = "root"}), HasSubstr("nothing to remove"));
    // A certificate moves to the other place.
    EXPECT_EQ(attestation({.secondary_certificate_path = ca_, .remove_certificate = true}), "");
    EXPECT_THAT(EnrollmentOptions{.allocation_policy = "custom"}.allocation_fault(), HasSubstr("--webhook-url"));
    EXPECT_THAT(EnrollmentOptions{.webhook_url = "https://h/"}.allocation_fault(), HasSubstr("policy custom"));
    EXPECT_THAT(EnrollmentOptions{.allocation_policy = "static"}.allocation_fault(), HasSubstr("--iot-hubs"));
    EXPECT_EQ(EnrollmentOptions{.allocation_policy = "hashed"}.allocation_fault(), "");
}

TEST_F(EnrollmentOptionsTest, ACertificateOfAnotherNameIsNotEnrolled) {
    for (const bool secondary : {false, true}) {
        EnrollmentOptions options{.id = "dev-2"};
        (secondary ? options.secondary_certificate_path : options.certificate_path) = device_;
        json::object body;
        const auto applied = apply_options(options, EnrollmentKind::individual, body);
        ASSERT_FALSE(applied);
        EXPECT_THAT(applied.error().message(), HasSubstr("is for 'dev-1', and the enrollment for 'dev-2'"));
        options.id = "DEV-1";
        EXPECT_TRUE(apply_options(options, EnrollmentKind::individual, body));
    }
}

TEST_F(EnrollmentOptionsTest, AnUpdateThatWouldDoNothingSaysSo) {
    const auto refusal = [](const EnrollmentOptions& options, std::string_view stored) {
        auto body = *parse_json_object(stored);
        const auto applied = apply_options(options, EnrollmentKind::group, body);
        return applied ? std::string("applied") : applied.error().chain();
    };
    const std::string_view by_name = R"({"attestation":{"type":"x509","x509":{"caReferences":{"primary":"root"}}}})";
    EXPECT_THAT(refusal({.id = "g", .remove_certificate = true}, by_name), HasSubstr("'g' holds no primary"));
    EXPECT_THAT(refusal({.id = "g", .webhook_url = "https://h/"}, R"({"allocationPolicy":"hashed"})"),
                HasSubstr("the allocation policy of 'g' is hashed"));
    EXPECT_EQ(refusal({.id = "g", .webhook_url = "https://h/"}, R"({"allocationPolicy":"custom"})"), "applied");
    EXPECT_THAT(refusal({.id = "g", .tags = {"@/nowhere/tags.json"}}, "{}"),
                HasSubstr("--initial-twin-tags cannot be read"));
}

TEST_F(EnrollmentOptionsTest, ReadsDerAndTheFirstOfAChain) {
    const auto der = pki::Certificate::from_pem(TestCertificates::get().device_pem)->der();
    const auto der_file = directory_.write("device.der", as_text(der));
    EXPECT_EQ(read_certificate(der_file, EnrollmentKind::individual).value(), TestCertificates::get().device_pem);
    const auto chain =
        directory_.write("chain.pem", TestCertificates::get().device_pem + TestCertificates::get().ca_pem);
    EXPECT_EQ(read_certificate(chain, EnrollmentKind::individual).value(), TestCertificates::get().device_pem);
}

TEST_F(EnrollmentOptionsTest, SaysWhatIsWrongWithACertificateFile) {
    const auto key = directory_.write("device.key.pem", TestCertificates::get().device_key_pem);
    const auto private_key = read_certificate(key, EnrollmentKind::individual);
    ASSERT_FALSE(private_key);
    EXPECT_THAT(private_key.error().message(), HasSubstr("private key"));

    const auto leaf = read_certificate(device_, EnrollmentKind::group);
    ASSERT_FALSE(leaf);
    EXPECT_THAT(leaf.error().message(), HasSubstr("CN=dev-1 is not a CA certificate"));

    const auto junk = read_certificate(directory_.write("junk", "hello"), EnrollmentKind::individual);
    ASSERT_FALSE(junk);
    EXPECT_THAT(junk.error().chain(), HasSubstr("junk is not a certificate"));

    const auto absent = read_certificate("/nowhere.pem", EnrollmentKind::individual);
    ASSERT_FALSE(absent);
    EXPECT_THAT(absent.error().chain(), HasSubstr("/nowhere.pem"));
}

TEST_F(EnrollmentOptionsTest, ReadsJsonFromFiles) {
    const auto tags = directory_.write("tags.json", R"({"site":"oslo"})");
    const auto desired = directory_.write("desired.json", R"({"desired":{"a":1}})");
    const auto body = apply({.id = "d", .tags = {"@" + tags}, .desired = "@" + desired});
    EXPECT_EQ(json::serialize(*object_at(body, "initialTwin")),
              R"({"tags":{"site":"oslo"},"properties":{"desired":{"a":1}}})");
}

TEST(MergeTags, AValueDoesNotMakeRoomForMembers) {
    json::object tags;
    ASSERT_TRUE(merge_tags("a=1", tags));
    ASSERT_TRUE(merge_tags("b.c=1", tags));
    for (const auto* against : {"a.x=2", "a.x.y=2", "b=2"}) {
        const auto merged = merge_tags(against, tags);
        ASSERT_FALSE(merged) << against;
        EXPECT_THAT(merged.error().message(), HasSubstr("do not go together"));
    }
    EXPECT_TRUE(merge_tags("a=2", tags));
    EXPECT_EQ(json::serialize(tags), R"({"a":"2","b":{"c":"1"}})");
}

TEST(MergeTags, KeepsTheValueAfterTheFirstEqualsSign) {
    json::object tags;
    ASSERT_TRUE(merge_tags("formula=a=b", tags));
    ASSERT_TRUE(merge_tags("empty=", tags));
    EXPECT_EQ(json::serialize(tags), R"({"formula":"a=b","empty":""})");
    EXPECT_FALSE(merge_tags("nothing", tags));
    EXPECT_FALSE(merge_tags("=x", tags));
    EXPECT_FALSE(merge_tags("{broken", tags));
    EXPECT_FALSE(merge_tags("[1]", tags));
}

}  // namespace
}  // namespace muster::cli
