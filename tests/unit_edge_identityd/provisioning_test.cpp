// How identityd comes by an identity, against a DPS that behaves well and ill.
#include "edge/identityd/dps.h"
#include "identity_fixture.h"
#include "net/reactor.h"

namespace muster::edge::testing {
namespace {

net::HttpResponse operation(const std::string& status, json::object state = {}) {
    return json_answer(
        200, json::object{{"operationId", "op"}, {"status", status}, {"registrationState", std::move(state)}});
}

class Provisioning : public IdentityTest {
protected:
    void begin(const pki::KeySpec& spec = {}) {
        write_credentials("dev-1", spec);
        write_identity_settings();
        start_all();
    }
    // Waits for a line of the log.
    bool logged(const std::string& text, std::chrono::seconds patience = std::chrono::seconds(30)) const {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (std::chrono::steady_clock::now() < end) {
            if (log().find(text) != std::string::npos) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        return false;
    }
};

TEST_F(Provisioning, ADeviceRegistersWithAKeyThatStaysInKeyd) {
    begin();
    EXPECT_EQ(wait_for_identity(), "dev-1") << log();
    const auto seen = cloud.seen();
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_EQ(seen[0].method + " " + seen[0].target,
              "PUT /0ne00000001/registrations/dev-1/register?api-version=2021-06-01");
    EXPECT_EQ(seen[0].body, R"({"registrationId":"dev-1"})");
    EXPECT_EQ(seen[0].leaf, "dev-1");
    EXPECT_EQ(seen[0].chain, 2U);
    EXPECT_EQ(seen[1].target,
              "/0ne00000001/registrations/dev-1/operations/5.0000000000000000.op?api-version=2021-06-01");
    const auto text = read_file(device_info()).value();
    EXPECT_NE(text.find("hub_name"), std::string::npos);
    EXPECT_NE(text.find(cloud.address()), std::string::npos);
    const auto spec = device_identity().body.at("spec").as_object();
    EXPECT_EQ(string_or(spec, "hubName"), cloud.address());
    EXPECT_EQ(string_or(spec.at("auth").as_object(), "certId"), "device-id");
    EXPECT_TRUE(string_or(spec.at("auth").as_object(), "keyHandle").starts_with("sr="));
}

TEST_F(Provisioning, AnRsaKeyDoesItToo) {
    cloud.set_at_once(true);
    begin({pki::KeyAlgorithm::rsa, 2048});
    EXPECT_EQ(wait_for_identity(), "dev-1") << log();
}

TEST_F(Provisioning, AssigningUnassignedAndBusyAnswersAreWaitedOut) {
    cloud.script_register({json_answer(202, json::object{{"operationId", "a/b c"}, {"status", "assigning"}}, "1")});
    cloud.script_poll({operation("unassigned"), json_answer(429, json::object{{"errorCode", 429001}}, "1"),
                       json_answer(202, json::object{{"operationId", "x"}, {"status", "assigning"}}, "1"),
                       json_answer(500, json::object{{"message", "oops"}}, "1")});
    begin();
    EXPECT_EQ(wait_for_identity(std::chrono::seconds(20)), "dev-1") << log();
    EXPECT_NE(cloud.seen()[1].target.find("/operations/a%2Fb%20c?"), std::string::npos);
    EXPECT_EQ(cloud.registrations(), 1);
}

TEST_F(Provisioning, AnAnswerAtOnceIsTaken) {
    cloud.script_register({operation("assigned", {{"assignedHub", "h"}, {"deviceId", "quick"}})});
    begin();
    EXPECT_EQ(wait_for_identity(), "quick") << log();
}

TEST_F(Provisioning, RefusalsSayWhyInTheLogAndInTheApiAndAreTriedAgain) {
    cloud.set_at_once(true);
    cloud.script_register({json_answer(
        401, json::object{
                 {"errorCode", 401002}, {"trackingId", "track-7"}, {"message", "certificate CN=d is not trusted."}})});
    begin();
    ASSERT_TRUE(logged("HTTP 401, errorCode 401002, trackingId track-7: certificate CN=d is not trusted.")) << log();
    EXPECT_THAT(log(), ::testing::Not(::testing::HasSubstr("DPS cannot be trusted"))) << "it is the device that is not";
    const auto answer = device_identity();
    EXPECT_EQ(answer.status, 400);
    EXPECT_TRUE(answer.message().starts_with("device identity not found\ncaused by: ")) << answer.message();
    EXPECT_NE(answer.message().find("track-7"), std::string::npos) << answer.message();
    EXPECT_EQ(wait_for_identity(), "dev-1") << log();
}

TEST_F(Provisioning, AThrottlingServiceIsLeftAloneAsLongAsItAsks) {
    cloud.script_register({json_answer(429, json::object{{"errorCode", 429001}, {"message", "slow down"}}, "6")});
    begin();
    ASSERT_TRUE(logged("HTTP 429, errorCode 429001: slow down")) << log();
    EXPECT_TRUE(logged("provisioning again later seconds=6.")) << log();
    // Whoever cannot wait may ask at once.
    EXPECT_EQ(identityd("POST", "/identities/device/reprovision", {{"type", "aziot"}}).status, 204);
    EXPECT_EQ(wait_for_identity(), "dev-1");
}

TEST_F(Provisioning, FailedDisabledAndNonsenseHaveASentenceEach) {
    cloud.script_poll({operation("failed", {{"errorCode", 400208}, {"errorMessage", "no hub"}}), operation("disabled"),
                       operation("nonsense"), operation("assigned", {{"deviceId", "d"}})});
    begin();
    EXPECT_TRUE(logged("errorCode 400208: no hub")) << log();
    EXPECT_EQ(identityd("POST", "/identities/device/reprovision", {{"type", "aziot"}}).status, 404);
    EXPECT_TRUE(logged("the enrollment of \\\"dev-1\\\" is disabled")) << log();
    EXPECT_EQ(identityd("POST", "/identities/device/reprovision", {{"type", "aziot"}}).status, 404);
    EXPECT_TRUE(logged("status \\\"nonsense\\\"")) << log();
    EXPECT_EQ(identityd("POST", "/identities/device/reprovision", {{"type", "aziot"}}).status, 404);
    EXPECT_TRUE(logged("assigned, without assignedHub")) << log();
}

struct NoCredential final : identityd::Credential {};

TEST_F(Provisioning, ARegistrationThatNeverEndsHasABound) {
    cloud.script_poll(std::vector<net::HttpResponse>(10, json_answer(503, json::object{{"message", "tired"}}, "1")));
    identityd::Registration registration;
    registration.scope_id = "0ne";
    registration.registration_id = "dev";
    registration.bound = std::chrono::seconds(3);
    identityd::CloudSettings settings;
    settings.authorities = {device.write("certs/cloud-ca.pem", cloud.ca_pem())};
    const auto target = identityd::dps_target("https://" + cloud.address(), registration);
    const auto client = identityd::CloudClient::create(target, std::make_shared<NoCredential>(), settings).value();
    identityd::DpsClient dps(client, registration);
    const auto begun = std::chrono::steady_clock::now();
    const auto result = net::run_blocking(dps.run());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), Errc::timeout);
    EXPECT_NE(result.error().chain().find("within 3 s"), std::string::npos) << result.error().chain();
    EXPECT_NE(result.error().chain().find("tired"), std::string::npos) << result.error().chain();
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(30));
}

TEST_F(Provisioning, AHostileAnswerIsAnErrorAndNoMore) {
    net::HttpResponse garbage;
    garbage.body = std::string(100'000, '[');
    auto huge = json_answer(200, json::object{{"operationId", std::string(5'000'000, 'x')}});
    cloud.script_register({garbage, huge, json_answer(202, json::array{}), json_answer(301, nullptr)});
    begin();
    int calls = 0;
    while (identityd("POST", "/identities/device/reprovision", {{"type", "aziot"}}).status != 204 && calls < 10)
        ++calls;
    EXPECT_EQ(wait_for_identity(), "dev-1") << log();
    EXPECT_GE(cloud.registrations(), 5);
}

TEST_F(Provisioning, AServiceThatIsNotTrustedSaysHowToTrustIt) {
    write_credentials("dev-1");
    write_identity_settings();
    auto settings = read_file(device.paths().generated_config("identityd")).value();
    const auto at = settings.find("global_endpoint_ca");
    settings.erase(at, settings.find('\n', at) - at);
    device.write_settings(Service::identityd, settings);
    start_all();
    EXPECT_TRUE(logged("is not trusted")) << log();
    EXPECT_NE(log().find("global_endpoint_ca"), std::string::npos) << log();
    EXPECT_EQ(cloud.registrations(), 0);
}

TEST_F(Provisioning, AKeyOfAnotherCertificateIsNamed) {
    write_credentials("dev-1");
    const auto other = make_identity("other", {}, nullptr, false);
    device.write("secrets/key.pem", other.key.to_pem()->text());
    write_identity_settings();
    start_all();
    EXPECT_TRUE(logged("is not the key of the certificate")) << log();
    EXPECT_EQ(cloud.registrations(), 0);
}

TEST_F(Provisioning, OthersAreAnsweredWhileDpsIsSlow) {
    cloud.set_delay(std::chrono::seconds(3));
    begin();
    for (int i = 0; i < 200 && cloud.seen().empty() && log().find("provisioning ") == std::string::npos; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    // Had they waited for DPS, there would be an identity.
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(device_identity().status, 400);
        EXPECT_EQ(identityd("GET", "/identities/provisioning").status, 200);
    }
    EXPECT_EQ(wait_for_identity(), "dev-1");
}

TEST_F(Provisioning, TheStoredIdentityServesWithoutDps) {
    cloud.set_at_once(true);
    begin();
    ASSERT_EQ(wait_for_identity(), "dev-1");
    device.stop(Service::identityd, SIGTERM);
    device.start(Service::identityd);
    EXPECT_EQ(wait_for_identity(), "dev-1");
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    EXPECT_EQ(cloud.registrations(), 1) << "DPS was asked although there was an identity";
}

TEST_F(Provisioning, ReprovisioningReplacesTheIdentityOnlyByANewOne) {
    cloud.set_at_once(true);
    begin();
    ASSERT_EQ(wait_for_identity(), "dev-1");
    cloud.set_device_id("dev-2");
    cloud.script_register(
        {json_answer(503, json::object{{"message", "down"}}), json_answer(401, json::object{{"message", "no"}})});
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(identityd("POST", "/identities/device/reprovision", {{"type", "aziot"}}).status, 404);
        EXPECT_EQ(wait_for_identity(), "dev-1");
    }
    EXPECT_EQ(identityd("POST", "/identities/device/reprovision", {{"type", "aziot"}}).status, 204);
    EXPECT_EQ(wait_for_identity(), "dev-2");
    EXPECT_NE(read_file(device_info()).value().find("dev-2"), std::string::npos);
}

TEST_F(Provisioning, OtherSettingsMeanANewRegistrationAtTheNextStart) {
    cloud.set_at_once(true);
    begin();
    ASSERT_EQ(wait_for_identity(), "dev-1");
    device.stop(Service::identityd, SIGTERM);
    cloud.set_device_id("dev-2");
    write_identity_settings("", "0ne00000002");
    device.start(Service::identityd);
    EXPECT_TRUE(logged("deviceId=dev-2")) << log();
    EXPECT_EQ(cloud.registrations(), 2);
}

TEST_F(Provisioning, ARegistrationInFlightIsJoined) {
    cloud.set_delay(std::chrono::milliseconds(2000));
    begin();
    const auto answer = identityd("POST", "/identities/device/reprovision", {{"type", "aziot"}});
    EXPECT_EQ(answer.status, 204) << answer.message();
    EXPECT_EQ(cloud.registrations(), 1);
    EXPECT_EQ(wait_for_identity(), "dev-1");
}

TEST_F(Provisioning, ItWaitsForItsNeighbours) {
    cloud.set_at_once(true);
    write_credentials("dev-1");
    write_identity_settings();
    device.start(Service::identityd);
    EXPECT_TRUE(logged("aziot-certd cannot be reached")) << log();
    device.start(Service::keyd);
    device.start(Service::certd);
    EXPECT_EQ(wait_for_identity(), "dev-1") << log();
}

TEST_F(Provisioning, MemoryOfTheThreeDaemonsIsSmall) {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    GTEST_SKIP() << "a sanitizer takes memory of its own";
#endif
    cloud.set_at_once(true);
    begin();
    ASSERT_EQ(wait_for_identity(), "dev-1");
    std::this_thread::sleep_for(std::chrono::seconds(1));
    long total = 0;
    for (const auto service : steady_services) {
        const auto pss = device.memory(service, "Pss");
        const auto own = device.memory(service, "Pss_Dirty");
        RecordProperty(std::string(short_name(service)) + "_pss_kib", std::to_string(pss));
        std::printf("%s: %ld KiB proportional, %ld of its own\n", std::string(short_name(service)).c_str(), pss, own);
        ASSERT_GT(own, 0);
        total += own;
    }
    EXPECT_LT(total, 10 * 1024);
}

}  // namespace
}  // namespace muster::edge::testing
