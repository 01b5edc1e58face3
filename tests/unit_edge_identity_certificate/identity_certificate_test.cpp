// "Dynamically issued": the device gets its certificate, renews it, and keeps it whatever its issuer or DPS does.
#include "issued_device.h"

namespace muster::edge::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

net::HttpResponse refusal(int status) {
    return json_answer(status, json::object{{"errorCode", status * 1000}, {"message", "no"}});
}

TEST_F(IssuedDevice, GetsItsCertificateAndRegistersWithIt) {
    write_settings(renewing("80%", "4%"));
    start_all();
    ASSERT_TRUE(eventually([&] { return provisioned(); })) << log();
    EXPECT_THAT(est.operations(), ElementsAre("simpleenroll by dev-1"));
    EXPECT_TRUE(whole());
    EXPECT_EQ(certificate()->public_key()->spec().text(), "ec:p256") << "as the server asks for it";
    EXPECT_EQ(cloud.seen().front().leaf, "dev-1");
    EXPECT_EQ(cloud.seen().front().chain, 2U);
    EXPECT_TRUE(provision());
    EXPECT_EQ(est.operations().size(), 1U) << "what is there is used";
}

TEST_F(IssuedDevice, MakesTheUsualKeyForAServerThatDoesNotMind) {
    est.set_csr_attributes("");
    write_settings(renewing("80%", "4%"));
    start_all();
    ASSERT_TRUE(eventually([&] { return provisioned(); })) << log();
    EXPECT_EQ(certificate()->public_key()->spec().text(), "rsa:2048");
}

TEST_F(IssuedDevice, WaitsForAnIssuerThatIsAway) {
    net::HttpResponse busy;
    busy.status = 503;
    est.script("cacerts", std::vector(3, busy));
    write_settings(renewing("80%", "4%"));
    start_all();
    ASSERT_TRUE(eventually([&] { return log().find("provisioning again later") != std::string::npos; }));
    EXPECT_THAT(identityd("POST", "/identities/device", {{"type", "aziot"}}).message(),
                HasSubstr("no identity certificate \"device-id\""));
    EXPECT_TRUE(eventually([&] { return provisioned(); })) << log();
}

TEST_F(IssuedDevice, RenewsWithANewKeyThatHasRegistered) {
    est.set_life(6s);
    write_settings(renewing("30%", "20%"));
    start_all();
    ASSERT_TRUE(eventually([&] { return certificate().has_value(); })) << log();
    const auto first = *certificate();
    ASSERT_TRUE(eventually([&] { return certificate()->der() != first.der() && whole(); })) << log();
    EXPECT_FALSE(certificate()->public_key().value() == first.public_key().value());
    EXPECT_THAT(est.operations(), Contains("simplereenroll by dev-1"));
    EXPECT_GE(cloud.registrations(), 2);
    EXPECT_TRUE(provision());
    EXPECT_TRUE(provisioned());
    EXPECT_FALSE(std::filesystem::exists(device.key_file("device-id-temp")));
}

TEST_F(IssuedDevice, RenewsWithTheSameKeyWhereThatIsAskedFor) {
    est.set_life(6s);
    write_settings(renewing("30%", "20%", false));
    start_all();
    ASSERT_TRUE(eventually([&] { return certificate().has_value(); })) << log();
    const auto first = *certificate();
    ASSERT_TRUE(eventually([&] { return certificate()->der() != first.der(); })) << log();
    EXPECT_TRUE(certificate()->public_key().value() == first.public_key().value());
    EXPECT_TRUE(whole());
}

TEST_F(IssuedDevice, ANewCertificateThatIsRefusedLeavesTheOldOne) {
    est.set_life(4s);
    write_settings(renewing("10%", "25%"));
    start_all();
    ASSERT_TRUE(eventually([&] { return provisioned(); })) << log();
    const auto first = *certificate();
    cloud.script_register(std::vector(3, refusal(401)));
    ASSERT_TRUE(eventually([&] { return log().find("does not work; the old one stays") != std::string::npos; }))
        << log();
    EXPECT_EQ(certificate()->der(), first.der());
    EXPECT_TRUE(whole());
    EXPECT_TRUE(provisioned());
    ASSERT_TRUE(eventually([&] { return certificate()->der() != first.der() && whole(); })) << log();
}

TEST_F(IssuedDevice, ADpsThatIsAwayDoesNotSpendCertificates) {
    est.set_life(20s);
    write_settings(renewing("5%", "5%"));
    start_all();
    ASSERT_TRUE(eventually([&] { return provisioned(); })) << log();
    const auto first = *certificate();
    cloud.script_register(std::vector(2, refusal(503)));
    ASSERT_TRUE(eventually([&] { return certificate()->der() != first.der() && whole(); })) << log();
    EXPECT_THAT(log(), HasSubstr("the certificate of an earlier attempt is used"));
    EXPECT_EQ(est.operations().size(), 2U) << "one for the first, one for the renewal";
}

TEST_F(IssuedDevice, AnIssuerThatFailsForEverCostsNoWorkingIdentity) {
    est.set_life(30s);
    write_settings(renewing("1%", "4%"));
    start_all();
    ASSERT_TRUE(eventually([&] { return provisioned(); })) << log();
    const auto first = *certificate();
    net::HttpResponse broken;
    broken.status = 400;
    est.script("simplereenroll", std::vector(1000, broken));
    est.script("simpleenroll", std::vector(1000, broken));
    ASSERT_TRUE(eventually([&] { return est.operations().size() > 4; })) << log();
    EXPECT_EQ(certificate()->der(), first.der());
    EXPECT_TRUE(whole());
    EXPECT_TRUE(provision()) << log();
    device.stop(Service::identityd, SIGTERM);
    device.start(Service::identityd);
    EXPECT_TRUE(provisioned());
    EXPECT_TRUE(provision()) << log();
}

TEST_F(IssuedDevice, AnotherNameIsAnotherCertificate) {
    write_settings("identity_auto_renew = false\n");
    start_all();
    ASSERT_TRUE(eventually([&] { return provisioned(); })) << log();
    device.stop(Service::identityd, SIGTERM);
    auto settings = read_file(device.paths().generated_config("identityd")).value();
    settings.replace(settings.find("registration_id = \"dev-1\""), 25,
                     "registration_id = { O = \"Plant\", CN = \"dev-2\" }\n");
    device.write_settings(Service::identityd, settings);
    device.start(Service::identityd);
    ASSERT_TRUE(eventually([&] { return cloud.seen().back().leaf == "dev-2"; })) << log();
    EXPECT_EQ(certificate()->subject(), "CN=dev-2,O=Plant");
    EXPECT_TRUE(whole());
}

TEST_F(IssuedDevice, AnIssuerWithANameOfItsOwnIsAskedOnceInAProcess) {
    est.set_given_name("dev-1.plant");
    write_settings("identity_auto_renew = false\n");
    start_all();
    ASSERT_TRUE(eventually([&] { return provisioned(); })) << log();
    EXPECT_TRUE(provision()) << log();
    EXPECT_TRUE(provision()) << log();
    EXPECT_EQ(est.operations().size(), 1U);
    EXPECT_THAT(log(), ::testing::HasSubstr("another name than was asked for"));
    const auto first = certificate()->pem();
    device.stop(Service::identityd, SIGTERM);
    device.start(Service::identityd);
    ASSERT_TRUE(eventually([&] { return provision(); })) << log();
    EXPECT_TRUE(provision()) << log();
    EXPECT_EQ(est.operations().size(), 2U);
    EXPECT_EQ(certificate()->pem(), first) << "what works stays";
    EXPECT_FALSE(certificate("device-id-temp"));
    // A third name is neither what was asked for nor what is in place.
    device.stop(Service::identityd, SIGTERM);
    est.set_given_name("dev-3");
    device.start(Service::identityd);
    EXPECT_FALSE(provision());
    EXPECT_FALSE(provision());
    EXPECT_EQ(est.operations().size(), 3U);
    EXPECT_THAT(log(), ::testing::HasSubstr("instead"));
    EXPECT_EQ(certificate()->pem(), first);
}

TEST_F(IssuedDevice, AnIdentityMadeByHandIsRenewedAfterAskingTheHub) {
    est.set_life(6s);
    const auto ca = device.write("certs/hub-ca.pem", cloud.ca_pem());
    write_settings(renewing("30%", "20%"),
                   fmt::format("source = \"manual\"\niothub_hostname = \"{}\"\ndevice_id = \"dev-1\"\niothub_ca = "
                               "\"file://{}\"\n[provisioning.authentication]\nmethod = \"x509\"\n",
                               cloud.address(), ca.string()));
    start_all();
    ASSERT_TRUE(eventually([&] { return certificate().has_value(); })) << log();
    const auto first = *certificate();
    cloud.set_hub_status(401);
    ASSERT_TRUE(eventually([&] { return log().find("the old one stays") != std::string::npos; })) << log();
    EXPECT_EQ(certificate()->der(), first.der());
    cloud.set_hub_status(0);
    EXPECT_TRUE(eventually([&] { return certificate()->der() != first.der() && whole(); })) << log();
    EXPECT_EQ(cloud.registrations(), 0);
}

TEST_F(IssuedDevice, AnInterruptedChangeIsFinishedWhenTheCertificateIsNextNeeded) {
    write_settings("identity_auto_renew = false\n");
    start_all();
    ASSERT_TRUE(eventually([&] { return provisioned(); })) << log();
    stop_all(SIGTERM);
    // As if the power had gone between the certificate and its key.
    std::filesystem::rename(device.key_file("device-id"), device.key_file("device-id-temp"));
    ASSERT_TRUE(write_file_atomic(device.key_file("device-id"), pki::PrivateKey::generate({})->to_pem()->text(), 0600));
    ASSERT_FALSE(whole());
    start_all();
    EXPECT_TRUE(provision()) << log();
    EXPECT_TRUE(whole());
    EXPECT_EQ(est.operations().size(), 1U);
}

TEST_F(IssuedDevice, AKeyThatIsLostIsMadeAnewWithItsCertificate) {
    write_settings("identity_auto_renew = false\n");
    start_all();
    ASSERT_TRUE(eventually([&] { return provisioned(); })) << log();
    stop_all(SIGTERM);
    std::filesystem::remove(device.key_file("device-id"));
    start_all();
    EXPECT_TRUE(provision()) << log();
    EXPECT_TRUE(whole());
}

}  // namespace
}  // namespace muster::edge::testing
