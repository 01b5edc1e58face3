// Every source of an identity and every credential, against a cloud that writes down what it is shown.
#include "edge/identityd/cloud.h"
#include "identity_fixture.h"
#include "wire/sas.h"

namespace muster::edge::testing {
namespace {

class Sources : public IdentityTest {
protected:
    void SetUp() override { cloud.set_at_once(true); }
    // A symmetric key as keyd has it: the bytes in a file.
    void write_key() {
        const auto file = device.write("secrets/shared.key", key);
        device.write_settings(Service::keyd,
                              fmt::format("[preloaded_keys]\ndevice-id = \"file://{}\"\n", file.string()));
        device.write_settings(Service::certd, "homedir_path = \"/var/lib/aziot/certd\"\n");
    }
    void write_settings(const std::string& provisioning) {
        device.write_settings(Service::identityd, fmt::format("cloud_timeout_sec = 5\ncloud_retries = 0\n"
                                                              "[[principal]]\nuid = 4711\nname = \"aziot-edge\"\n"
                                                              "[provisioning]\n{}",
                                                              provisioning));
    }
    std::string ca() { return device.write("certs/cloud-ca.pem", cloud.ca_pem()).string(); }
    void begin_with_dps_key() {
        cloud.set_at_once(false);  // a poll needs a token, too
        write_key();
        write_settings(
            fmt::format("source = \"dps\"\nglobal_endpoint = \"https://{}\"\nscope_id = \"0ne00000001\"\n"
                        "global_endpoint_ca = \"file://{}\"\npayload = {{ uri = \"file://{}\" }}\n"
                        "[provisioning.attestation]\nmethod = \"symmetric_key\"\nregistration_id = \"Dev-1\"\n"
                        "symmetric_key = \"device-id\"\n",
                        cloud.address(), ca(), device.write("payload.json", "{\"site\": \"north\"}").string()));
        start_all();
    }
    void begin_by_hand(const std::string& hub, const std::string& authentication, const std::string& more = "") {
        write_settings(
            fmt::format("source = \"manual\"\niothub_hostname = \"{}\"\ndevice_id = \"hand-1\"\n"
                        "iothub_ca = \"file://{}\"\n{}[provisioning.authentication]\n{}",
                        hub, ca(), more, authentication));
        start_all();
    }
    // The token of a request, as the service judges it.
    wire::SasToken token_of(const FakeCloud::Seen& seen) const {
        auto token = wire::SasToken::parse(seen.authorization);
        EXPECT_TRUE(token) << seen.authorization;
        if (!token) return {};
        EXPECT_TRUE(token->signed_by(as_bytes(key)));
        EXPECT_FALSE(token->expired(SystemClock().now()));
        EXPECT_TRUE(token->expired(SystemClock().now() + std::chrono::hours(1), std::chrono::seconds(0)));
        return std::move(*token);
    }
    json::object spec() const { return device_identity().body.at("spec").as_object(); }
    Answer create(const std::string& module) const {
        return identityd("POST", "/identities/modules?type=aziot", {{"type", "aziot"}, {"moduleId", module}});
    }

    const std::string key = "aziot-identity-service|key bytes";
};

TEST_F(Sources, ASymmetricKeyRegistersWithTokensThatKeydSigns) {
    begin_with_dps_key();
    ASSERT_EQ(wait_for_identity(), "dev-1") << log();
    const auto seen = cloud.seen();
    ASSERT_GE(seen.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(token_of(seen[i]).resource, "0ne00000001/registrations/Dev-1");
        EXPECT_EQ(token_of(seen[i]).policy, "registration");
        EXPECT_EQ(seen[i].leaf, "");
    }
    EXPECT_EQ(seen[0].body, R"({"registrationId":"Dev-1","payload":{"site":"north"}})");
    const auto auth = spec().at("auth").as_object();
    EXPECT_EQ(string_or(auth, "type"), "sas");
    EXPECT_TRUE(string_or(auth, "keyHandle").starts_with("sr="));
    EXPECT_FALSE(auth.contains("certId"));
    EXPECT_EQ(string_or(identityd("GET", "/identities/provisioning").body, "auth"), "symmetric_key");
    // The hub is called with the same key, for another resource.
    ASSERT_EQ(create("m1").status, 200);
    EXPECT_EQ(token_of(cloud.seen().back()).resource, cloud.address() + "/devices/dev-1");
    EXPECT_EQ(token_of(cloud.seen().back()).policy, "");
}

TEST_F(Sources, TheKeyStaysInKeyd) {
    begin_with_dps_key();
    ASSERT_EQ(wait_for_identity(), "dev-1") << log();
    const auto memory = device.memory_of(Service::identityd);
    EXPECT_GT(memory.size(), 100'000U);
    EXPECT_EQ(memory.find(key), std::string::npos);
    EXPECT_EQ(memory.find(base64_encode(as_bytes(key))), std::string::npos);
    EXPECT_EQ(log().find(key), std::string::npos);
}

TEST_F(Sources, AMissingKeyIsNamed) {
    write_key();
    std::filesystem::remove(device.paths().root() / "secrets/shared.key");
    begin_by_hand(cloud.address(), "method = \"sas\"\ndevice_id_pk = \"device-id\"\n");
    const auto answer = create("m1");
    EXPECT_EQ(answer.status, 404);
    EXPECT_NE(answer.message().find("no symmetric key \"device-id\""), std::string::npos) << answer.message();
    EXPECT_NE(answer.message().find("shared.key"), std::string::npos) << answer.message();
}

TEST_F(Sources, ByHandWithAKeyThereIsAnIdentityAtOnce) {
    write_key();
    begin_by_hand(cloud.address(), "method = \"sas\"\ndevice_id_pk = \"device-id\"\n");
    ASSERT_EQ(wait_for_identity(), "hand-1") << log();
    EXPECT_EQ(string_or(spec(), "hubName"), cloud.address());
    EXPECT_EQ(string_or(spec(), "gatewayHost"), cloud.address());
    EXPECT_EQ(string_or(spec().at("auth").as_object(), "type"), "sas");
    const auto information = identityd("GET", "/identities/provisioning").body;
    EXPECT_EQ(information, (json::object{{"source", "manual"}, {"auth", "sas"}}));
    ASSERT_EQ(create("m1").status, 200);
    EXPECT_EQ(token_of(cloud.seen().back()).resource, cloud.address() + "/devices/hand-1");
    EXPECT_EQ(identityd("POST", "/identities/device/reprovision", {{"type", "aziot"}}).status, 204);
    EXPECT_EQ(cloud.registrations(), 0);
    EXPECT_NE(read_file(device_info()).value().find("hand-1"), std::string::npos);
}

TEST_F(Sources, ByHandWithACertificate) {
    write_credentials("anything");
    begin_by_hand(cloud.address(), "method = \"x509\"\nidentity_cert = \"device-id\"\nidentity_pk = \"device-id\"\n");
    ASSERT_EQ(wait_for_identity(), "hand-1") << log();
    EXPECT_EQ(string_or(spec().at("auth").as_object(), "certId"), "device-id");
    ASSERT_EQ(create("m1").status, 200);
    EXPECT_EQ(cloud.seen().back().leaf, "anything");
    EXPECT_EQ(cloud.seen().back().authorization, "");
}

TEST_F(Sources, BelowAParentTheParentIsCalledAndTheHubIsMeant) {
    write_key();
    begin_by_hand("hub.example", "method = \"sas\"\ndevice_id_pk = \"device-id\"\n",
                  fmt::format("local_gateway_hostname = \"{}\"\n", cloud.address()));
    ASSERT_EQ(wait_for_identity(), "hand-1") << log();
    EXPECT_EQ(string_or(spec(), "hubName"), "hub.example");
    EXPECT_EQ(string_or(spec(), "gatewayHost"), cloud.address());
    ASSERT_EQ(create("m1").status, 200);
    EXPECT_EQ(token_of(cloud.seen().back()).resource, "hub.example/devices/hand-1");
}

TEST_F(Sources, BelowAParentThereIsNoDps) {
    write_key();
    write_settings(
        "source = \"dps\"\nlocal_gateway_hostname = \"parent\"\nglobal_endpoint = \"https://h\"\n"
        "scope_id = \"0ne\"\n[provisioning.attestation]\nmethod = \"x509\"\n");
    const auto settings = identityd::Settings::load(device.paths());
    ASSERT_FALSE(settings);
    EXPECT_NE(settings.error().message().find("not supported in nested mode"), std::string::npos);
}

TEST_F(Sources, WithoutProvisioningTheRestWorks) {
    write_key();
    write_settings("source = \"none\"\n");
    start_all();
    const auto answer = device_identity();
    EXPECT_EQ(answer.status, 400);
    EXPECT_NE(answer.message().find("provisioning.source is \"none\""), std::string::npos) << answer.message();
    EXPECT_EQ(string_or(identityd("GET", "/identities/provisioning").body, "source"), "none");
    EXPECT_EQ(identityd("POST", "/identities/device/reprovision", {{"type", "aziot"}}).status, 400);
    EXPECT_EQ(create("m1").status, 400);
    EXPECT_EQ(identityd("GET", "/trust-bundle").status, 200);
}

// A key that signs the time, so that the test sees which time that was.
struct TimeTeller final : identityd::Credential {
    Task<Result<std::string>> authorize(std::string, std::string, TimePoint now) const override {
        co_return format_utc_seconds(now);
    }
};

TEST_F(Sources, ARefusedTokenIsMadeAnewWithTheServicesTime) {
    const ManualClock wrong(SystemClock().now() - std::chrono::days(400));
    identityd::CloudSettings settings;
    settings.authorities = {ca()};
    const auto client = identityd::CloudClient::create({"https://" + cloud.address(), "r", ""},
                                                       std::make_shared<TimeTeller>(), settings, wrong)
                            .value();
    const auto ask = [&] {
        net::HttpRequest request;
        request.method = "PUT";
        request.target = "/s/registrations/r/register";
        return net::run_blocking(client->send(std::move(request)))->status;
    };
    cloud.script_register({json_answer(401, json::object()), json_answer(202, json::object())});
    EXPECT_EQ(ask(), 202);
    EXPECT_EQ(ask(), 202);
    const auto seen = cloud.seen();
    ASSERT_EQ(seen.size(), 3U);
    EXPECT_EQ(seen[0].authorization, format_utc_seconds(wrong.now()));
    const auto off = [&](const FakeCloud::Seen& one) {
        return std::chrono::abs(*parse_utc(one.authorization) - SystemClock().now());
    };
    EXPECT_LT(off(seen[1]), std::chrono::seconds(30));
    EXPECT_LT(off(seen[2]), std::chrono::seconds(30)) << "what was learnt is kept";
    // A refusal with the clocks in agreement is a refusal.
    cloud.script_register({json_answer(401, json::object())});
    EXPECT_EQ(ask(), 401);
    EXPECT_EQ(cloud.seen().size(), 4U);
}

TEST_F(Sources, AGatewaysTimeCountsWithinADay) {
    identityd::CloudSettings settings;
    settings.authorities = {ca()};
    const auto tokens_made = [&](std::chrono::hours behind) {
        const ManualClock wrong(SystemClock().now() - behind);
        const auto client = identityd::CloudClient::create({"https://" + cloud.address(), "r", "", true},
                                                           std::make_shared<TimeTeller>(), settings, wrong)
                                .value();
        const auto before = cloud.seen().size();
        cloud.script_register({json_answer(401, json::object()), json_answer(202, json::object())});
        net::HttpRequest request;
        request.method = "PUT";
        request.target = "/s/registrations/r/register";
        EXPECT_TRUE(net::run_blocking(client->send(std::move(request))));
        return cloud.seen().size() - before;
    };
    EXPECT_EQ(tokens_made(std::chrono::hours(23)), 2U);
    EXPECT_EQ(tokens_made(std::chrono::hours(25)), 1U);
}

}  // namespace
}  // namespace muster::edge::testing
