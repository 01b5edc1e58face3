// identityd's API for modules, and what it does when the hub is not there.
#include "identity_fixture.h"
#include "pki/key.h"

namespace muster::edge::testing {
namespace {

class Api : public IdentityTest {
protected:
    void begin(const std::string& extra = "") {
        cloud.set_at_once(true);
        write_credentials("dev-1");
        write_identity_settings(extra);
        start_all();
        ASSERT_EQ(wait_for_identity(), "dev-1") << log();
    }
    Answer create(const std::string& module) const {
        return identityd("POST", "/identities/modules?type=aziot", {{"type", "aziot"}, {"moduleId", module}});
    }
    static json::object spec(const Answer& answer) { return answer.body.at("spec").as_object(); }
};

TEST_F(Api, AModuleIsMadeInTwoStepsWithKeysThatKeydDerives) {
    begin();
    const auto made = create("m1");
    ASSERT_EQ(made.status, 200) << made.message();
    EXPECT_EQ(string_or(spec(made), "moduleId"), "m1");
    EXPECT_EQ(string_or(spec(made), "genId"), "gen1");
    const auto handle = string_or(spec(made).at("auth").as_object(), "keyHandle");
    const auto module = cloud.modules().at("m1");
    const auto& keys = module.at("authentication").at("symmetricKey").as_object();
    // Whoever holds the handle signs as the module: the same key as the hub was given.
    const auto primary = base64_decode(string_or(keys, "primaryKey")).value();
    const auto signature = device.call(Service::keyd, "POST", "/sign?api-version=2020-09-01",
                                       {{"keyHandle", handle},
                                        {"algorithm", "HMAC-SHA256"},
                                        {"parameters", json::object{{"message", base64_encode(as_bytes("x"))}}}});
    EXPECT_EQ(string_or(signature.body, "signature"), base64_encode(pki::hmac_sha256(primary, as_bytes("x"))));
    // And the derivation is the one of the original: HMAC-SHA256(master, "m1:gen1:primary").
    const auto file =
        device.paths().state_directory(Service::keyd) / "keys" /
        ("aziotidentitydmasterid-" + hex_encode(pki::sha256(as_bytes("aziot_identityd_master_id"))) + ".key");
    const auto master = read_file(file).value();
    EXPECT_EQ(primary, pki::hmac_sha256(as_bytes(master), as_bytes("m1:gen1:primary")));
    EXPECT_EQ(base64_decode(string_or(keys, "secondaryKey")).value(),
              pki::hmac_sha256(as_bytes(master), as_bytes("m1:gen1:secondary")));
}

TEST_F(Api, ListGetUpdateDelete) {
    begin();
    ASSERT_EQ(create("$edgeAgent").status, 200);
    ASSERT_EQ(create("m1").status, 200);
    EXPECT_EQ(create("m1").status, 200) << "creating again gives what is there";
    EXPECT_EQ(identityd("GET", "/identities/modules?type=aziot").body.at("identities").as_array().size(), 2U);
    EXPECT_EQ(string_or(spec(identityd("GET", "/identities/modules/%24edgeAgent?type=aziot")), "moduleId"),
              "$edgeAgent");
    EXPECT_EQ(identityd("PUT", "/identities/modules/m1?type=aziot", {{"type", "aziot"}, {"moduleId", "m1"}}).status,
              200);
    EXPECT_EQ(identityd("DELETE", "/identities/modules/m1?type=aziot").status, 204);
    const auto gone = identityd("GET", "/identities/modules/m1?type=aziot");
    EXPECT_EQ(gone.status, 404);
    EXPECT_NE(gone.message().find("module identity not found"), std::string::npos);
    EXPECT_EQ(identityd("PUT", "/identities/modules/m1?type=aziot", {{"type", "aziot"}, {"moduleId", "m1"}}).status,
              404);
}

TEST_F(Api, AModuleWithoutKeysHasNoAuth) {
    begin();
    ASSERT_EQ(create("m1").status, 200);
    EXPECT_TRUE(spec(identityd("GET", "/identities/modules/m1?type=aziot")).contains("auth"));
    EXPECT_FALSE(spec(device_identity()).contains("moduleId"));
}

TEST_F(Api, WhenTheHubIsAwayTheRememberedModuleServes) {
    begin();
    const auto made = create("m1");
    ASSERT_EQ(made.status, 200);
    cloud.set_hub_status(500);
    const auto remembered = identityd("GET", "/identities/modules/m1?type=aziot");
    ASSERT_EQ(remembered.status, 200) << remembered.message();
    EXPECT_EQ(string_or(spec(remembered), "genId"), string_or(spec(made), "genId"));
    EXPECT_EQ(identityd("GET", "/identities/modules?type=aziot").body.at("identities").as_array().size(), 1U);
    EXPECT_EQ(identityd("GET", "/identities/modules/m2?type=aziot").status, 404);
    EXPECT_EQ(create("m2").status, 404);
    cloud.set_hub_status(401);
    EXPECT_EQ(identityd("GET", "/identities/modules/m1?type=aziot").status, 404) << "a refusal is no outage";
}

TEST_F(Api, TheCacheMayBePreferred) {
    begin("prefer_module_identity_cache = true");
    ASSERT_EQ(create("m1").status, 200);
    const auto before = cloud.seen().size();
    EXPECT_EQ(identityd("GET", "/identities/modules/m1?type=aziot").status, 200);
    EXPECT_EQ(cloud.seen().size(), before);
}

TEST_F(Api, WhatItRefuses) {
    begin();
    EXPECT_EQ(identityd("POST", "/identities/device", {{"type", "local"}}).status, 400);
    EXPECT_EQ(identityd("GET", "/identities/modules").status, 400);
    EXPECT_EQ(identityd("GET", "/identities/modules?type=local").status, 400);
    EXPECT_EQ(create("a/b").status, 400);
    EXPECT_EQ(create(std::string(129, 'x')).status, 400);
    EXPECT_EQ(identityd("PUT", "/identities/modules/m1?type=aziot", {{"type", "aziot"}, {"moduleId", "m2"}}).status,
              400);
    EXPECT_EQ(identityd("GET", "/identities/identity").status, 401);
    EXPECT_EQ(device.call(Service::identityd, "GET", "/identities/provisioning?api-version=2020-09-01").status, 400);
    EXPECT_EQ(device.call(Service::identityd, "POST", "/identities/device?api-version=2022-08-01", {{"type", "aziot"}})
                  .status,
              200);
}

TEST_F(Api, ProvisioningInformation) {
    begin();
    const auto answer = identityd("GET", "/identities/provisioning");
    EXPECT_EQ(string_or(answer.body, "source"), "dps");
    EXPECT_EQ(string_or(answer.body, "auth"), "x509");
    EXPECT_EQ(string_or(answer.body, "scope_id"), "0ne00000001");
    EXPECT_EQ(string_or(answer.body, "endpoint"), "https://" + cloud.address());
    EXPECT_EQ(string_or(identityd("GET", "/trust-bundle").body, "certificate", "none"), "");
}

TEST_F(Api, ModulePrincipalsGetTheirIdentitiesAndLoseThemWithTheirEntry) {
    begin();
    const auto wait_until = [](const auto& condition) {
        for (int i = 0; i < 100 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
        return condition();
    };
    device.write("etc/aziot/identityd/config.d/app.toml",
                 "[[principal]]\nuid = 0\nname = \"app\"\nidtype = [\"module\"]\n");
    EXPECT_TRUE(wait_until([&] { return cloud.modules().contains("app"); })) << log();
    EXPECT_EQ(string_or(spec(identityd("GET", "/identities/identity")), "moduleId"), "app");
    EXPECT_EQ(cloud.registrations(), 1) << "changed principals are no reason to provision again";
    std::filesystem::remove(device.paths().root() / "etc/aziot/identityd/config.d/app.toml");
    EXPECT_TRUE(wait_until([&] { return cloud.modules().empty(); })) << log();
}

TEST_F(Api, LocalIdentitiesAreIssuedByCertdsSettings) {
    device.write("etc/aziot/certd/config.d/app.toml",
                 "[cert_issuance.app]\nmethod = \"local_ca\"\nexpiry_days = 3\n[cert_issuance.plain]\nmethod = "
                 "\"local_ca\"\n[cert_issuance.local-ca]\nmethod = \"self_signed\"\n[cert_issuance.local_ca]\ncert = "
                 "\"local-ca\"\npk = \"local-ca\"\n");
    device.write(
        "etc/aziot/identityd/config.d/app.toml",
        "[[principal]]\nuid = 0\nname = \"app\"\nidtype = [\"local\"]\nlocalid = { type = \"x509\", attributes = "
        "\"server\" }\n");
    begin("[localid]\ndomain = \"plant.example\"");
    const auto given = identityd("GET", "/identities/modules/app?type=local");
    ASSERT_EQ(given.status, 200) << given.message() << device.log(Service::certd);
    EXPECT_EQ(string_or(given.body, "type"), "local");
    EXPECT_EQ(string_or(spec(given), "moduleId"), "app");
    const auto auth = spec(given).at("auth").as_object();
    const auto chain = pki::parse_chain(string_or(auth, "certificate")).value();
    ASSERT_EQ(chain.size(), 2U);
    EXPECT_EQ(chain[0].common_name(), "app.edge.plant.example");
    EXPECT_EQ(pki::PrivateKey::from_pem(string_or(auth, "privateKey"))->public_key().value(),
              chain[0].public_key().value());
    EXPECT_EQ(string_or(auth, "expiration"), format_utc_seconds(chain[0].not_after()).substr(0, 19) + "+00:00");
    // Each time another key; nothing of it is kept.
    const auto again = spec(identityd("GET", "/identities/modules/app?type=local")).at("auth").as_object();
    EXPECT_NE(string_or(again, "privateKey"), string_or(auth, "privateKey"));
    EXPECT_EQ(log().find(string_or(auth, "privateKey").substr(40, 40)), std::string::npos);

    const auto create_local = [&](const std::string& module, json::object options) {
        return identityd("POST", "/identities/modules",
                         {{"type", "local"}, {"moduleId", module}, {"localIdOpts", std::move(options)}});
    };
    const auto made = create_local("plain", {{"type", "x509"}, {"attributes", "client"}});
    EXPECT_EQ(made.status, 200) << made.message();
    EXPECT_NE(create_local("app", {}).message().find("already exists"), std::string::npos);
    EXPECT_EQ(create_local("plain", {{"attributes", "all"}}).status, 400);
    EXPECT_EQ(create_local("a,DNS:b", {}).status, 400);
    for (const auto* own : {"device-id", "device-id-temp"})
        EXPECT_NE(create_local(own, {}).message().find("the device's own certificate"), std::string::npos);
    EXPECT_NE(identityd("GET", "/identities/modules/plain?type=local").message().find("doesn't exist"),
              std::string::npos);
    EXPECT_EQ(identityd("GET", "/identities/modules?type=local").status, 400);
}

TEST_F(Api, WithoutADomainThereAreNoLocalIdentities) {
    begin();
    const auto refused = identityd("POST", "/identities/modules", {{"type", "local"}, {"moduleId", "app"}});
    EXPECT_EQ(refused.status, 400);
    EXPECT_NE(refused.message().find("[localid] is not set"), std::string::npos);
}

TEST_F(Api, ManyAtOnceAreServed) {
    begin();
    std::vector<std::thread> callers;
    std::atomic<int> served{0};
    for (int i = 0; i < 20; ++i)
        callers.emplace_back([&, i] { served += create(fmt::format("m{}", i)).status == 200 ? 1 : 0; });
    for (auto& caller : callers) caller.join();
    EXPECT_EQ(served, 20) << log();
    EXPECT_EQ(cloud.modules().size(), 20U);
}

}  // namespace
}  // namespace muster::edge::testing
