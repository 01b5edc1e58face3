// What is checked of certificates that are to be issued to the device.
#include <gmock/gmock.h>

#include "fixture.h"

namespace muster::edge {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class IssuanceCheck : public DeviceFixture {
protected:
    void write_issued(const std::string& identity, const std::string& rest = "",
                      const std::string& registration = "registration_id = \"press-7\"\n") const {
        write("etc/aziot/config.toml",
              "hostname = \"press-7\"\n[provisioning]\nsource = \"dps\"\nglobal_endpoint = "
              "\"https://localhost\"\nid_scope "
              "= \"0ne00ABCDEF\"\n[provisioning.attestation]\nmethod = \"x509\"\n" +
                  registration + "[provisioning.attestation.identity_cert]\n" + identity + rest,
              0600);
    }
    std::string uri(const std::string& name) const { return "\"file://" + at(name).string() + "\""; }
    const std::string est = "method = \"est\"\nurl = \"https://est.example/.well-known/est\"\n";
    const std::string password = "username = \"press-7\"\npassword = \"p\"\n";
};

TEST_F(IssuanceCheck, ByEstWithAPassword) {
    write_issued(est + password);
    EXPECT_THAT(problems(), IsEmpty());
    EXPECT_THAT(warnings(), IsEmpty());
}

TEST_F(IssuanceCheck, EstNeedsAServerAndAWayToSignIn) {
    write_issued("method = \"est\"\n");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("nothing says where the EST server is"),
                                        HasSubstr("nothing says how to sign in")));
    write_issued("method = \"est\"\n",
                 "[cert_issuance.est.urls]\naziot-edged-ca = \"https://est.example\"\n"
                 "[cert_issuance.est.auth]\n" +
                     password);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("nothing says where the EST server is")));
    write_issued("method = \"est\"\n",
                 "[cert_issuance.est.urls]\ndevice-id = \"https://est.example\"\n"
                 "[cert_issuance.est.auth]\n" +
                     password);
    EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(IssuanceCheck, AUrlThatIsWrongIsNotCalledMissing) {
    write_issued("method = \"est\"\nurl = \"http://est.example/.well-known/est\"\n" + password);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("must be https")));
}

TEST_F(IssuanceCheck, ASubjectIsOneThatACertificateCanHave) {
    write_issued(est + password +
                 "subject = { cn = \"press-7\", STREET = \"Road 1\", SerialNumber = \"5\", c = \"DE\" }\n");
    EXPECT_THAT(problems(), IsEmpty());
    ASSERT_TRUE(run()->written);
    const auto file = read_file(at("etc/aziot/identityd/config.d/00-super.toml"));
    ASSERT_TRUE(file);
    for (const auto* part : {"CN = \"press-7\"", "street = \"Road 1\"", "serialNumber = \"5\"", "C = \"DE\""})
        EXPECT_THAT(*file, HasSubstr(part));
    write_issued(est + password + "subject = { CN = \"press-7\", C = \"Germany\" }\n");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("identity_cert.subject.C: is \"Germany\"")));
    write_issued(est + password, "[edge_ca]\nmethod = \"self_signed\"\ncommon_name = \"\"\n");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("edge_ca.common_name: is empty")));
}

TEST_F(IssuanceCheck, AnIdThatIsLongerThanANameInACertificateCannotStandInForOne) {
    write_issued(est + password, "", "registration_id = \"" + std::string(65, 'p') + "\"\n");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("a common name holds no more")));
    write(
        "etc/aziot/config.toml",
        "hostname = \"press-7\"\n[provisioning]\nsource = \"manual\"\niothub_hostname = \"localhost\"\ndevice_id = \"" +
            std::string(65, 'p') +
            "\"\n[provisioning.authentication]\nmethod = \"x509\"\n[provisioning.authentication.identity_cert]\n" +
            est + password,
        0600);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("at most 64 are possible")));
}

TEST_F(IssuanceCheck, AKeyThatIsPreloadedCannotMakeRoomForANewOne) {
    write("device.key", "0123456789abcdef", 0600);
    const auto preloaded = "[preloaded_keys]\ndevice-id = " + uri("device.key") + "\n";
    write_issued(est + password, preloaded);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("none could take its place")));
    write_issued(est + password + "auto_renew = { rotate_key = false, threshold = \"80%\", retry = \"4%\" }\n",
                 preloaded);
    EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(IssuanceCheck, AnEstServerThatIsNotKnownIsAWarning) {
    write_issued("method = \"local_ca\"\n",
                 "[cert_issuance.local_ca]\nmethod = \"est\"\nurl = \"https://est.example:8443/x\"\n" + password);
    lookup_ = Lookup::no_such_name;
    EXPECT_THAT(run(true)->findings.warnings,
                Contains(::testing::Field(&ConfigProblem::message, HasSubstr("est.example"))));
}

TEST_F(IssuanceCheck, CredentialsOfFilesAreLookedInto) {
    write_issued(est + "bootstrap_identity_cert = " + uri("chain.pem") + "\nbootstrap_identity_pk = " + uri("key.pem") +
                 "\n");
    EXPECT_THAT(problems(), IsEmpty());
    write("key.pem", key_pem(make("other", pki::Profile::client, nullptr)), 0600);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("does not belong to the certificate")));
    std::filesystem::remove(at("key.pem"));
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("bootstrap_identity_pk: ")));
}

TEST_F(IssuanceCheck, WhomToTrustIsLookedInto) {
    write_issued(est + password, "[cert_issuance.est]\ntrusted_certs = [" + uri("missing.pem") + "]\n");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("cert_issuance.est.trusted_certs: ")));
    write("ca.pem", chain_pem({&*leaf_}), 0644);
    write_issued(est + password, "[cert_issuance.est]\ntrusted_certs = [" + uri("ca.pem") + "]\n");
    EXPECT_THAT(problems(), IsEmpty());
    EXPECT_EQ(warnings().size(), 1U) << "no authority";
}

TEST_F(IssuanceCheck, TheDevicesOwnAuthority) {
    const std::string local = "method = \"local_ca\"\n";
    write_issued(local);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("there is no [cert_issuance.local_ca]")));
    write_issued(local, "[cert_issuance.local_ca]\nmethod = \"self_signed\"\n");
    EXPECT_THAT(problems(), IsEmpty());
    write("ca.pem", chain_pem({&*intermediate_}), 0644);
    write("ca.key", key_pem(*intermediate_), 0600);
    write_issued(local, "[cert_issuance.local_ca]\ncert = " + uri("ca.pem") + "\npk = " + uri("ca.key") + "\n");
    EXPECT_THAT(problems(), IsEmpty());
    write("ca.pem", chain_pem({&*leaf_}), 0644);
    write("ca.key", key_pem(*leaf_), 0600);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("is no authority")));
}

TEST_F(IssuanceCheck, TheNameIsTheRegistrationId) {
    write_issued(est + password + "common_name = \"press-8\"\n");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("the two must be equal")));
    write_issued(est + password + "subject = { O = \"Plant\", CN = \"PRESS-7\" }\n");
    EXPECT_THAT(problems(), IsEmpty());
    write_issued(est + password, "", "");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("nothing names the device")));
    write_issued(est + password + "common_name = \"press 7\"\n", "", "");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("cannot be a registration id")));
    write_issued(est + password + "common_name = \"" + std::string(65, 'a') + "\"\n", "", "");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("has 65 characters")));
}

TEST_F(IssuanceCheck, DaysAreTheServersWithEst) {
    write_issued(est + password + "expiry_days = 3\n");
    ASSERT_EQ(warnings().size(), 1U);
    EXPECT_THAT(warnings()[0].message, HasSubstr("is not used"));
}

}  // namespace
}  // namespace muster::edge
