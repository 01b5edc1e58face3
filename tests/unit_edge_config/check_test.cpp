#include "edge/config/check.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "fixture.h"

namespace muster::edge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CheckTest : public DeviceFixture {};

TEST_F(CheckTest, AGoodDeviceHasNoFindings) {
    EXPECT_THAT(problems(), IsEmpty());
    EXPECT_THAT(warnings(), IsEmpty());
}

TEST_F(CheckTest, MissingFilesAreNamedBothAtOnce) {
    std::filesystem::remove(at("chain.pem"));
    std::filesystem::remove(at("key.pem"));
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("config.toml:10: provisioning.attestation.identity_cert: "),
                                        HasSubstr("config.toml:11: provisioning.attestation.identity_pk: ")));
    const auto outcome = run(true);
    EXPECT_THAT(outcome->findings.problems[0].hint, HasSubstr("install -D"));
    EXPECT_THAT(outcome->findings.problems[1].hint, HasSubstr("-m 0600"));
}

TEST_F(CheckTest, AForeignKeyIsTold) {
    const auto other = make("other", pki::Profile::client, &*intermediate_);
    write("key.pem", key_pem(other), 0600);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("does not belong to the certificate CN=press-7")));
}

TEST_F(CheckTest, AChainTurnedRoundIsTold) {
    write("chain.pem", chain_pem({&*intermediate_, &*leaf_}), 0644);
    EXPECT_THAT(problems(), ::testing::Contains(HasSubstr("the chain is out of order")));
    EXPECT_THAT(problems(), ::testing::Contains(HasSubstr("the private key belongs to certificate 2")));
}

TEST_F(CheckTest, ABareLeafIsAWarning) {
    write("chain.pem", chain_pem({&*leaf_}), 0644);
    EXPECT_THAT(problems(), IsEmpty());
    ASSERT_EQ(warnings().size(), 1U);
    EXPECT_THAT(warnings()[0].message, HasSubstr("without its issuer CN=Plant Intermediate"));
}

TEST_F(CheckTest, ALookAlikeIssuerIsTold) {
    const auto twin = make("Plant Intermediate", pki::Profile::intermediate_ca, &*root_ca_);
    write("chain.pem", chain_pem({&*leaf_, &twin}), 0644);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("bears the name of its issuer")));
}

TEST_F(CheckTest, DatesOfTheWholeChain) {
    using std::chrono::days;
    const auto old_ca = make("Old CA", pki::Profile::intermediate_ca, nullptr, days(-10), days(-1));
    const auto unborn = make("press-7", pki::Profile::client, &*intermediate_, days(2), days(9));
    write("chain.pem", chain_pem({&unborn, &*intermediate_}), 0644);
    write("key.pem", key_pem(unborn), 0600);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("is not valid before")));

    now_ += days(85);
    write("chain.pem", chain_pem({&*leaf_, &*intermediate_}), 0644);
    write("key.pem", key_pem(*leaf_), 0600);
    EXPECT_THAT(problems(), IsEmpty());
    ASSERT_EQ(warnings().size(), 2U);
    EXPECT_THAT(warnings()[0].message, HasSubstr("in less than 7 days"));

    now_ += days(10);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("the certificate CN=press-7 expired on"),
                                        HasSubstr("certificate 2 of the chain")));
}

TEST_F(CheckTest, TheCommonNameIsTheRegistrationId) {
    registration_ = "registration_id = \"PRESS-7\"\n";
    write_config();
    EXPECT_THAT(problems(), IsEmpty());
    registration_ = "registration_id = \"press-8\"\n";
    write_config();
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("is \"press-8\", but the certificate")));
    EXPECT_EQ(run(true)->findings.problems[0].hint, "registration_id = \"press-7\"");
    registration_.clear();
    write_config();
    EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(CheckTest, AnAuthorityIsNoDevice) {
    registration_.clear();
    write_config();
    write("chain.pem", chain_pem({&*intermediate_, &*root_ca_}), 0644);
    write("key.pem", key_pem(*intermediate_), 0600);
    EXPECT_THAT(problems(), ::testing::Contains(HasSubstr("is an authority (CA:TRUE)")));
}

TEST_F(CheckTest, AServerCertificateIsNoClients) {
    const auto server = make("press-7", pki::Profile::client, &*intermediate_, std::chrono::days(-1),
                             std::chrono::days(9), "serverAuth");
    write("chain.pem", chain_pem({&server, &*intermediate_}), 0644);
    write("key.pem", key_pem(server), 0600);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("lacks clientAuth")));
}

TEST_F(CheckTest, FilesThatAreSomethingElse) {
    write("chain.pem", key_pem(*leaf_), 0644);
    write("key.pem", leaf_->certificate.pem(), 0600);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("holds a private key where certificates belong"),
                                        HasSubstr("holds a certificate where the private key belongs")));
    const auto der = leaf_->certificate.der();
    write("chain.pem", std::string(der.begin(), der.end()), 0644);
    EXPECT_THAT(problems(), ::testing::Contains(HasSubstr("in the form DER; PEM is needed")));
    write("chain.pem", "nothing", 0644);
    write("key.pem", "nothing", 0600);
    EXPECT_THAT(problems(),
                ElementsAre(HasSubstr("holds no readable certificates"), HasSubstr("holds no readable private key")));
}

TEST_F(CheckTest, AKeyOpenToOthersIsAWarning) {
    chmod(at("key.pem").c_str(), 0644);
    EXPECT_THAT(problems(), IsEmpty());
    ASSERT_EQ(warnings().size(), 1U);
    EXPECT_THAT(warnings()[0].hint, HasSubstr("chmod 0600"));
}

TEST_F(CheckTest, TheNameService) {
    lookup_ = Lookup::no_such_name;
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("the name \"localhost\" is not known")));
    lookup_ = Lookup::cannot_tell;
    EXPECT_THAT(problems(), IsEmpty());
    EXPECT_EQ(warnings().size(), 1U);
}

TEST_F(CheckTest, PayloadAndAuthorities) {
    provisioning_extra_ = "payload = { uri = \"file://" + at("payload.json").string() +
                          "\" }\nglobal_endpoint_ca = \"file://" + at("ca.pem").string() + "\"\n";
    write_config();
    write("payload.json", "{\"a\": }", 0644);
    write("ca.pem", root_ca_->certificate.pem(), 0644);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("is not JSON")));
    write("payload.json", "{\"a\": 1}", 0644);
    EXPECT_THAT(problems(), IsEmpty());
    write("ca.pem", leaf_->certificate.pem(), 0644);
    EXPECT_THAT(problems(), IsEmpty());
    EXPECT_THAT(warnings()[0].message, HasSubstr("is no authority"));
    std::filesystem::remove(at("ca.pem"));
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("does not exist")));
}

TEST_F(CheckTest, AnEdgeAuthorityFromFiles) {
    write("edge-ca.pem", chain_pem({&*leaf_}), 0644);
    write("edge-ca.key.pem", key_pem(*leaf_), 0600);
    write_config("[edge_ca]\ncert = \"file://" + at("edge-ca.pem").string() + "\"\npk = \"file://" +
                 at("edge-ca.key.pem").string() + "\"\n");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("is no authority")));
    write("edge-ca.pem", chain_pem({&*intermediate_}), 0644);
    write("edge-ca.key.pem", key_pem(*intermediate_), 0600);
    EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(CheckTest, AdditionalInformationIsFlat) {
    write("info.toml", "site = \"plant 3\"\nline = 4\n", 0644);
    write("etc/aziot/config.toml", "additional_info = \"file://" + at("info.toml").string() + "\"\n" + config_text(),
          0600);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("info.toml:2: line: must be a string")));
}

TEST(ResolveHost, KnowsLocalhost) {
    EXPECT_EQ(resolve_host("localhost", "443"), Lookup::found);
    EXPECT_EQ(resolve_host("127.0.0.1", "443"), Lookup::found);
}

TEST_F(CheckTest, ATpmMustBeThereAndOpenToItsService) {
    const auto config = [&](const std::string& tcti) {
        write("etc/aziot/config.toml",
              "hostname = \"press-7\"\n[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://localhost\"\n"
              "id_scope = \"0ne1\"\n[provisioning.attestation]\nmethod = \"tpm\"\nregistration_id = \"d\"\n[tpm]\n"
              "tcti = \"" +
                  tcti + "\"\n",
              0600);
    };
    config("device:" + at("tpm").string());
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("config.toml:10: tpm.tcti: " + at("tpm").string() +
                                                  " does not exist: this machine shows no TPM 2.0")));
    write("tpm", "", 0600);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("is not a device")));
    std::filesystem::remove(at("tpm"));
    std::filesystem::create_symlink("/dev/null", at("tpm"));
    EXPECT_THAT(problems(), IsEmpty());
    // Another way to a TPM is for the first attempt to judge.
    config("swtpm:port=1");
    EXPECT_THAT(problems(), IsEmpty());
}

}  // namespace
}  // namespace muster::edge
