// The edge CA, asked for as the container runtime asks, and renewed by certd; a real certd and keyd.
#include <csignal>

#include "edge_ca_device.h"
#include "support/soft_hsm.h"

namespace muster::edge::testing {
namespace {

using namespace std::chrono_literals;
using ::muster::testing::SoftHsm;
using ::testing::HasSubstr;

TEST_F(EdgeCa, IsIssuedByEst) {
    est.allow_password("dev-1", "pw");
    est.set_authority(true);
    start(by_est("threshold = \"80%\"\nretry = \"4%\"\n"));
    const auto made = create();
    ASSERT_EQ(made.status, 201) << made.message();
    ASSERT_EQ(stored().size(), 2U);
    EXPECT_EQ(in_place().common_name(), "aziot-edge CA dev-1");
    EXPECT_TRUE(key_fits(in_place()));
    for (int tries = 0; tries < 100 && log().find("will be renewed") == std::string::npos; ++tries)
        std::this_thread::sleep_for(20ms);
    EXPECT_THAT(log(), HasSubstr("the certificate will be renewed certId=aziot-edged-ca"));
}

TEST_F(EdgeCa, WhatIsNoAuthorityIsNotTakenForOne) {
    est.allow_password("dev-1", "pw");
    start(by_est(renewed_soon));
    const auto made = create();
    EXPECT_EQ(made.status, 400);
    EXPECT_THAT(made.message(), HasSubstr("is no authority (CA:TRUE)"));
    EXPECT_THAT(made.message(), HasSubstr("--edge-ca true"));
    EXPECT_TRUE(stored().empty());
}

TEST_F(EdgeCa, SelfSignedIsRenewedWithANewKey) {
    start(
        fmt::format("[cert_issuance.aziot-edged-ca]\nmethod = \"self_signed\"\nexpiry_days = 90\n"
                    "[cert_issuance.aziot-edged-ca.auto_renew]\nrotate_key = true\n{}",
                    renewed_soon));
    const auto old = put_old_one();
    expect_next(renewed(old), old);
}

// As a renewal of somebody else's leaves it that came to nothing.
TEST_F(EdgeCa, WhatLiesThereFromBeforeAndIsNoAuthorityDoesNotFollowIt) {
    start(
        "[cert_issuance.aziot-edged-ca]\nmethod = \"self_signed\"\n"
        "[cert_issuance.aziot-edged-ca.auto_renew]\nrotate_key = true\nthreshold = \"40%\"\nretry = \"1min\"\n");
    const auto key = pair_of("aziot-edged-ca-temp");
    const auto now = SystemClock().now();
    const auto leaf = pki::issue({.profile = pki::Profile::client,
                                  .common_name = "aziot-edge CA dev-1",
                                  .not_before = now - 1h,
                                  .not_after = now + 240h},
                                 key.public_key().value(), nullptr, &key, random);
    const auto put = device.call(Service::certd, "PUT", std::string("/certificates/aziot-edged-ca-temp") + version,
                                 {{"pem", leaf->pem()}});
    ASSERT_EQ(put.status, 201) << put.message();
    // Its renewal is tried within two seconds and a half, and after that in a minute.
    const auto old = put_old_one(10s);
    for (int tries = 0; tries < 3000 && log().find("does not work") == std::string::npos; ++tries)
        std::this_thread::sleep_for(20ms);
    EXPECT_THAT(log(), HasSubstr("is no authority (CA:TRUE)"));
    EXPECT_EQ(in_place().der(), old.der());
    EXPECT_TRUE(key_fits(old));
    EXPECT_EQ(device.call(Service::certd, "GET", std::string("/certificates/aziot-edged-ca-temp") + version).status,
              400);
}

TEST_F(EdgeCa, WithItsKeyInATokenItIsRenewedThere) {
    MUSTER_NEEDS_SOFT_HSM();
    const SoftHsm hsm;
    hsm.make_token("edge", "1234");
    start(
        fmt::format("[cert_issuance.aziot-edged-ca]\nmethod = \"self_signed\"\n"
                    "[cert_issuance.aziot-edged-ca.auto_renew]\nrotate_key = true\n{}",
                    renewed_soon),
        fmt::format("[aziot_keys]\npkcs11_lib_path = \"{}\"\npkcs11_base_slot = \"pkcs11:token=edge?pin-value=1234\"\n",
                    SoftHsm::library));
    const auto old = put_old_one();
    expect_next(renewed(old), old);
    EXPECT_THAT(hsm.tool("--login --pin 1234 --list-objects"), HasSubstr("label:      aziot-edged-ca\n"));
    device.stop(Service::keyd, SIGTERM);
}

TEST_F(EdgeCa, OfTheDevicesOwnAuthorityIsRenewedByIt) {
    start(
        fmt::format("[cert_issuance.aziot-edged-ca]\nmethod = \"local_ca\"\nexpiry_days = 7\n"
                    "[cert_issuance.aziot-edged-ca.auto_renew]\nrotate_key = true\n{}"
                    "[cert_issuance.local-ca]\nmethod = \"self_signed\"\ncommon_name = \"my CA\"\n"
                    "[cert_issuance.local_ca]\ncert = \"local-ca\"\npk = \"local-ca\"\n",
                    renewed_soon));
    const auto old = put_old_one();
    const auto next = renewed(old);
    expect_next(next, old);
    EXPECT_EQ(next.issuer(), "CN=my CA");
}

TEST_F(EdgeCa, ByEstItIsFollowedByItself) {
    est.allow_certificate("aziot-edge CA dev-1");
    est.set_authority(true);
    start(by_est(renewed_soon));
    const auto old = put_old_one();
    expect_next(renewed(old), old);
    EXPECT_THAT(est.operations(), ::testing::Contains("simplereenroll by aziot-edge CA dev-1"));
}

TEST_F(EdgeCa, ByEstTheDevicesCertificateOfThatServerStandsInForASpentPassword) {
    est.allow_password("dev-1", "once");
    start(fmt::format("[cert_issuance.device-id]\nmethod = \"est\"\nusername = \"dev-1\"\npassword = \"once\"\n{}",
                      by_est("threshold = \"80%\"\nretry = \"4%\"\n")));
    const auto handle = device.call(Service::keyd, "POST", "/keypair?api-version=2020-09-01",
                                    {{"keyId", "device-id"}, {"preferredAlgorithms", "ec-p256"}});
    const auto key =
        keyd::remote_key(keyd::Client(device.paths().socket(Service::keyd)), string_or(handle.body, "keyHandle"))
            .value();
    const auto csr = pki::Csr::create(key, {{"CN", "dev-1"}})->pem();
    ASSERT_EQ(device
                  .call(Service::certd, "POST", std::string("/certificates") + version,
                        {{"certId", "device-id"}, {"csr", csr}})
                  .status,
              201);
    est.set_authority(true);
    // The name and password of the edge CA ("pw") are good for nothing.
    EXPECT_NE(create().status, 201);
    est.allow_certificate("dev-1");
    const auto made = create();
    EXPECT_EQ(made.status, 201) << made.message();
    EXPECT_EQ(est.operations().back(), "simpleenroll by dev-1");
    EXPECT_EQ(est.seen().back().name, "");
}

TEST_F(EdgeCa, WithoutARuleItIsLeftAsItIs) {
    start("[cert_issuance.aziot-edged-ca]\nmethod = \"self_signed\"\n");
    put_old_one();
    EXPECT_THAT(log(), ::testing::Not(HasSubstr("will be renewed")));
}

}  // namespace
}  // namespace muster::edge::testing
