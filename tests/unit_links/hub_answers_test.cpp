#include "links/hub_answers.h"

#include <gtest/gtest.h>

namespace muster::links {
namespace {

const hub::DeviceCredential by_key{{}, "AAAA", "BBBB"};
const hub::DeviceCredential by_certificate{std::string(64, 'A'), {}, {}};

TEST(HubAnswers, AreSortedByWhatCanBeDoneAboutThem) {
    struct Case {
        int status;
        Errc kind;
    };
    for (const auto& [status, kind] :
         {Case{401, Errc::forbidden}, Case{403, Errc::forbidden}, Case{404, Errc::not_found}, Case{412, Errc::io},
          Case{429, Errc::throttled}, Case{500, Errc::io}, Case{502, Errc::unavailable}, Case{503, Errc::unavailable},
          Case{400, Errc::invalid_argument}, Case{413, Errc::invalid_argument}, Case{301, Errc::io}})
        EXPECT_EQ(error_of_answer(status, "").code(), kind) << status;
    const auto error = error_of_answer(404, R"({"Message":"ErrorCode:DeviceNotFound;no\nsuch"})");
    EXPECT_NE(error.message().find("404: ErrorCode:DeviceNotFound;no\\x0asuch"), std::string::npos) << error.message();
    EXPECT_LT(error_of_answer(500, std::string(100'000, 'x')).message().size(), 500u);
}

TEST(HubAnswers, ADeviceThatIsThereIsToldFromOneThatIsRefused) {
    EXPECT_TRUE(read_create_answer(200, R"({"isSuccessful":true,"errors":[]})"));
    for (const auto* code : {"409001", R"("409001")", R"("DeviceAlreadyExists")"}) {
        const auto exists = read_create_answer(
            400, fmt::format(R"({{"isSuccessful":false,"errors":[{{"errorCode":{},"errorStatus":"x"}}]}})", code));
        ASSERT_FALSE(exists);
        EXPECT_EQ(exists.error().code(), Errc::already_exists) << code;
    }
    const auto refused =
        read_create_answer(400, R"({"isSuccessful":false,"errors":[{"errorCode":400004,"errorStatus":"bad id"}]})");
    EXPECT_EQ(refused.error().code(), Errc::invalid_argument);
    EXPECT_NE(refused.error().message().find("bad id"), std::string::npos);
    EXPECT_EQ(read_create_answer(401, "").error().code(), Errc::forbidden);
    EXPECT_EQ(read_create_answer(400, "<html>").error().code(), Errc::invalid_argument);
}

TEST(HubAnswers, CredentialsAreRecognizedAsTheyWereWritten) {
    for (const auto& credential : {by_key, by_certificate}) {
        json::object device{{"deviceId", "dev"}, {"authentication", authentication(credential)}};
        EXPECT_TRUE(has_credential(device, credential));
        EXPECT_FALSE(has_credential(device, credential.thumbprint.empty() ? by_certificate : by_key));
    }
    EXPECT_FALSE(has_credential({{"deviceId", "dev"}}, by_key));
}

TEST(HubAnswers, ATwinIsCopiedWithoutWhatTheHubWrites) {
    const auto twin = read_twin(
        R"({"deviceId":"dev","tags":{"a":1},"properties":{"desired":{"x":{"$y":1},"$version":2,"$metadata":{}},
            "reported":{"$version":1}}})");
    ASSERT_TRUE(twin) << twin.error().chain();
    EXPECT_EQ(twin->tags, R"({"a":1})");
    EXPECT_EQ(twin->desired, R"({"x":{"$y":1}})");
    EXPECT_EQ(twin->reported, "");
    EXPECT_EQ(read_twin("[]").error().code(), Errc::io);
    EXPECT_EQ(read_twin("{}").error().code(), Errc::io);
}

TEST(HubAnswers, ADeviceIsCreatedWithItsTwinInOneStep) {
    const auto request = create_request({.device_id = "dev",
                                         .credential = by_certificate,
                                         .edge = true,
                                         .twin = {R"({"a":1})", R"({"x":2})", R"({"seen":true})"}});
    EXPECT_EQ(
        json::serialize(request),
        R"([{"id":"dev","importMode":"create","status":"enabled","statusReason":null,"authentication":{"type":"selfSigned",)"
        R"("x509Thumbprint":{"primaryThumbprint":")" +
            std::string(64, 'A') +
            R"(","secondaryThumbprint":null}},"capabilities":{"iotEdge":true},"tags":{"a":1},)"
            R"("properties":{"desired":{"x":2},"reported":{"seen":true}}}])");
}

}  // namespace
}  // namespace muster::links
