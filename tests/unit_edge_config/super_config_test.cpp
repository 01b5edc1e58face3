#include "edge/config/super_config.h"

#include <gmock/gmock.h>

namespace muster::edge {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The lines that every device has; ten of them.
const std::string base_text = R"([provisioning]
source = "dps"
global_endpoint = "https://dps.example"
id_scope = "0ne00ABCDEF"
[provisioning.attestation]
method = "x509"
registration_id = "press-7"
identity_cert = "file:///c.pem"
identity_pk = "file:///k.pem"

)";

std::vector<ConfigProblem> problems_of(const std::string& text) {
    auto config = Config::parse(text, "c.toml");
    if (!config) {
        ADD_FAILURE() << config.error().chain();
        return {};
    }
    (void)understand(*config);
    return config->problems();
}

std::vector<std::string> texts_of(const std::string& text) {
    std::vector<std::string> out;
    for (const auto& problem : problems_of(text)) out.push_back(problem.text());
    return out;
}

std::vector<std::string> with_base(const std::string& rest) {
    return texts_of(base_text + rest);
}

std::vector<std::string> below_top(const std::string& top) {
    return texts_of(top + base_text);
}

TEST(SuperConfig, TheHowToIsClean) {
    EXPECT_THAT(with_base(""), IsEmpty());
}

TEST(SuperConfig, AnEmptyFileSaysWhereToBegin) {
    const auto problems = problems_of("");
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_THAT(problems[0].text(), HasSubstr("provisioning: is missing"));
    EXPECT_THAT(problems[0].hint, HasSubstr("config.toml.edge.template"));
}

TEST(SuperConfig, ATypoNamesTheNearestKey) {
    EXPECT_THAT(below_top("hostnam = \"x\"\n"),
                ElementsAre("c.toml:1: hostnam: unknown key (did you mean \"hostname\"?)"));
    EXPECT_THAT(texts_of("[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://a.b\"\nscope_id = \"0ne1\"\n"),
                Contains("c.toml:4: provisioning.scope_id: unknown key (did you mean \"id_scope\"?)"));
    EXPECT_THAT(with_base("[edge_ca]\nauto_generated_edge_ca_expiry_day = 9\n"),
                ElementsAre(HasSubstr("did you mean \"auto_generated_edge_ca_expiry_days\"?")));
}

TEST(SuperConfig, PrincipalsAreSentToTheServicesFiles) {
    const auto problems = problems_of(base_text + "[[principal]]\nname = \"x\"\n");
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_THAT(problems[0].hint, HasSubstr("config.d"));
}

TEST(SuperConfig, AKeyBelowTheWrongHeaderIsSentHome) {
    // The published how-to shows this key at the end of its block, where it lands in [provisioning.attestation].
    const auto problems = problems_of(base_text + "auto_reprovisioning_mode = \"Dynamic\"\n");
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_THAT(problems[0].text(), HasSubstr("belongs to the top of the file"));
    EXPECT_THAT(problems[0].hint, HasSubstr("above the first [table]"));
}

TEST(SuperConfig, EveryMistakeIsFoundAtOnce) {
    const auto texts = texts_of(R"(hostname = "press_7"
cloud_timeout_sec = 10
[provisioning]
source = "dps"
global_endpoint = "http://dps.example"
id_scope = "SCOPE_ID_HERE"
[provisioning.attestation]
method = "x509"
registration_id = "press 7"
identity_cert = "/c.pem"
[aziot_keys]
pkcs11_timeout_sec = 120
)");
    EXPECT_THAT(
        texts,
        ElementsAre(HasSubstr("c.toml:1: hostname: has the character \"_\""),
                    HasSubstr("c.toml:2: cloud_timeout_sec: must be at least 70"),
                    HasSubstr("c.toml:5: provisioning.global_endpoint: must be https"),
                    HasSubstr("c.toml:6: provisioning.id_scope: is still the template's"),
                    HasSubstr("c.toml:7: provisioning.attestation.identity_pk: is missing"),
                    HasSubstr("c.toml:9: provisioning.attestation.registration_id: has the character \" \""),
                    HasSubstr("c.toml:10: provisioning.attestation.identity_cert: must be a URI, not a plain path"),
                    HasSubstr("c.toml:12: aziot_keys.pkcs11_timeout_sec: must be at most 55 seconds, not 120")));
}

TEST(SuperConfig, ThePlaceOfAMissingKeyIsItsTable) {
    EXPECT_THAT(texts_of("[provisioning]\n"),
                ElementsAre(HasSubstr("c.toml:1: provisioning.source: is missing: \"dps\"")));
}

TEST(SuperConfig, KeysOfAnotherFormSayWithWhatTheyGo) {
    EXPECT_THAT(
        texts_of(
            "[provisioning]\nsource = \"dps\"\nconnection_string = \"x\"\nglobal_endpoint = \"https://a.b\"\n"
            "id_scope = \"0ne1\"\n[provisioning.attestation]\nmethod = \"x509\"\nsymmetric_key = { value = \"\" }\n"
            "identity_cert = \"file:///c\"\nidentity_pk = \"file:///k\"\n"),
        ElementsAre(
            "c.toml:3: provisioning.connection_string: is understood only with source = \"manual\"",
            "c.toml:8: provisioning.attestation.symmetric_key: is understood only with method = \"symmetric_key\""));
}

TEST(SuperConfig, APayloadGivenAsTextIsShownAsATable) {
    const auto problems = problems_of(
        "[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://a.b\"\nid_scope = \"0ne1\"\n"
        "payload = \"file:///p.json\"\n[provisioning.attestation]\nmethod = \"x509\"\n"
        "identity_cert = \"file:///c\"\nidentity_pk = \"file:///k\"\n");
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_EQ(problems[0].hint, "payload = { uri = \"file:///p.json\" }");
}

TEST(SuperConfig, AKeyGivenAsTextIsShownAsATableAndNotRepeated) {
    const auto problems = problems_of(
        "[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://a.b\"\nid_scope = \"0ne1\"\n"
        "[provisioning.attestation]\nmethod = \"symmetric_key\"\nregistration_id = \"d\"\nsymmetric_key = "
        "\"c2VjcmV0\"\n");
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_THAT(problems[0].hint, HasSubstr("symmetric_key = { value = \"BASE64\" }"));
    EXPECT_THAT(problems[0].text() + problems[0].hint, ::testing::Not(HasSubstr("c2VjcmV0")));
}

std::string dps_with(const std::string& attestation) {
    return "[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://a.b\"\nid_scope = "
           "\"0ne1\"\n[provisioning.attestation]\n" +
           attestation;
}

TEST(SuperConfig, LocalIdentitiesHaveADomain) {
    EXPECT_THAT(with_base("[localid]\ndomain = \"plant.example\"\n"), IsEmpty());
    EXPECT_THAT(with_base("[localid]\n"), ElementsAre(HasSubstr("localid.domain")));
    EXPECT_THAT(with_base("[localid]\ndomain = \"a b\"\n"), ElementsAre(HasSubstr("localid.domain")));
}

TEST(SuperConfig, TheEncryptionKeyOfOldIsAPath) {
    EXPECT_THAT(below_top("imported_master_encryption_key = \"/k\"\n"), IsEmpty());
    EXPECT_THAT(below_top("imported_master_encryption_key = \"file:///k\"\n"), ElementsAre(HasSubstr("absolute path")));
}

TEST(SuperConfig, NestedDevicesAreRefusedWithTheReason) {
    EXPECT_THAT(below_top("parent_hostname = \"gateway\"\n"), ElementsAre(HasSubstr("nested edge")));
    EXPECT_THAT(below_top("local_gateway_hostname = \"gateway\"\n"), ElementsAre(HasSubstr("nested edge")));
}

TEST(SuperConfig, EmptyTablesOfLaterKeysAreNoMatter) {
    EXPECT_THAT(
        with_base("[cert_issuance]\n[aziot_keys]\n[tpm]\n[preloaded_certs]\n[preloaded_keys]\n[agent]\n[edge_ca]\n"),
        IsEmpty());
}

TEST(SuperConfig, ReprovisioningModeIsCaseSensitiveAndSaysSo) {
    EXPECT_THAT(below_top("auto_reprovisioning_mode = \"dynamic\"\n"),
                ElementsAre(HasSubstr("did you mean \"Dynamic\"?")));
}

TEST(SuperConfig, IssuedCertificatesNameTheirIssuer) {
    EXPECT_THAT(texts_of(dps_with("method = \"x509\"\nregistration_id = \"d\"\nidentity_cert = { expiry_days = 3 }\n")),
                ElementsAre(HasSubstr("method: is missing")));
    EXPECT_THAT(
        texts_of(dps_with("method = \"x509\"\nidentity_pk = \"file:///k\"\nidentity_cert = { method = \"est\" }\n")),
        ElementsAre(HasSubstr("identity_pk: is made by the device")));
    EXPECT_THAT(texts_of(dps_with("method = \"x509\"\nidentity_cert = { method = \"local_ca\", username = \"u\" }\n")),
                ElementsAre(HasSubstr("username: is understood only with method = \"est\"")));
    EXPECT_THAT(with_base("[cert_issuance.local_ca]\nmethod = \"local_ca\"\n"),
                ElementsAre(HasSubstr("the authority cannot issue itself")));
}

TEST(SuperConfig, CredentialsForEstComeInPairs) {
    EXPECT_THAT(with_base("[cert_issuance.est.auth]\nusername = \"u\"\n"),
                ElementsAre(HasSubstr("username and password go together")));
    EXPECT_THAT(with_base("[cert_issuance.est.auth]\nusername = \"u:v\"\npassword = \"p\"\n"),
                ElementsAre(HasSubstr("must not hold control characters or a colon")));
    EXPECT_THAT(with_base("[cert_issuance.est.auth]\nbootstrap_identity_cert = \"file:///c\"\n"),
                ElementsAre(HasSubstr("bootstrap_identity_cert and bootstrap_identity_pk go together")));
    EXPECT_THAT(with_base("[cert_issuance.est.auth]\nidentity_cert = \"file:///c\"\nidentity_pk = \"file:///k\"\n"
                          "bootstrap_identity_cert = \"file:///c\"\nbootstrap_identity_pk = \"file:///k\"\n"),
                ElementsAre(HasSubstr("stands beside identity_cert")));
}

TEST(SuperConfig, EstServersAreAddressedByHttps) {
    EXPECT_THAT(with_base("[cert_issuance.est.urls]\ndefault = \"http://est.example/.well-known/est\"\n"),
                ElementsAre(HasSubstr("must be https: EST is spoken over TLS only")));
    EXPECT_THAT(with_base("[cert_issuance.est.urls]\ndefault = \"https://u:p@est.example/x\"\n"),
                ElementsAre(HasSubstr("without user name")));
    EXPECT_THAT(
        with_base("[cert_issuance.est]\ntrusted_certs = [\"/r.pem\"]\nidentity_auto_renew = false\n"),
        ElementsAre(HasSubstr("trusted_certs: must be a URI"), HasSubstr("identity_auto_renew: must be a table")));
}

TEST(SuperConfig, RenewalIsOnUnlessSwitchedOff) {
    const auto renewal = [](const std::string& rest) {
        auto config = Config::parse(base_text + rest, "c.toml");
        auto understood = understand(*config);
        EXPECT_THAT(config->problems(), IsEmpty());
        return understood.edge_ca.issue.auto_renew;
    };
    EXPECT_TRUE(renewal(""));
    EXPECT_TRUE(renewal("[edge_ca]\nauto_generated_edge_ca_expiry_days = 9\n"));
    EXPECT_TRUE(renewal("[edge_ca]\nauto_renew = true\n")->rotate_key);
    EXPECT_FALSE(renewal("[edge_ca]\nauto_renew = false\n"));
    EXPECT_EQ(renewal("[edge_ca.auto_renew]\nrotate_key = false\nthreshold = \"1day\"\nretry = \"5min\"\n")->threshold,
              "1day");
}

TEST(SuperConfig, AutoRenewNeedsAllThree) {
    EXPECT_THAT(with_base("[edge_ca.auto_renew]\nrotate_key = true\n"),
                ElementsAre(HasSubstr("threshold: is missing"), HasSubstr("retry: is missing")));
    EXPECT_THAT(with_base("[edge_ca.auto_renew]\nrotate_key = true\nthreshold = \"80\"\nretry = \"4%\"\n"),
                ElementsAre(HasSubstr("must be \"N%\"")));
}

TEST(SuperConfig, QuickstartAndFilesDoNotMix) {
    EXPECT_THAT(
        with_base("[edge_ca]\ncert = \"file:///c\"\npk = \"file:///k\"\nauto_generated_edge_ca_expiry_days = 9\n"),
        ElementsAre(HasSubstr("is understood only with an authority that the device makes itself")));
}

TEST(SuperConfig, UpstreamNeedsAParent) {
    EXPECT_THAT(with_base("[agent.config]\nimage = \"$upstream/agent:1\"\n"), ElementsAre(HasSubstr("$upstream")));
}

TEST(SuperConfig, CarriedKeysAreTyped) {
    EXPECT_THAT(
        with_base(
            "[agent]\ntype = \"podman\"\n[watchdog]\nmax_retries = \"never\"\n[image_garbage_collection]\n"
            "cleanup_recurrence = \"36h\"\ncleanup_time = \"24:00\"\n[moby_runtime]\nuri = \"/run/docker.sock\"\n"),
        ElementsAre(HasSubstr("agent.type: unknown value"), HasSubstr("watchdog.max_retries: unknown value"),
                    HasSubstr("must be whole days"), HasSubstr("must be a time of day"),
                    HasSubstr("must begin with unix://")));
}

TEST(SuperConfig, AttestationByTpmNeedsAnIdAndNothingElse) {
    EXPECT_THAT(texts_of(dps_with("method = \"tpm\"\nregistration_id = \"d\"\n")), IsEmpty());
    EXPECT_THAT(texts_of(dps_with("method = \"tpm\"\n")), ElementsAre(HasSubstr("registration_id: is missing")));
    EXPECT_THAT(texts_of(dps_with("method = \"tpm\"\nregistration_id = \"d\"\nidentity_cert = \"file:///c\"\n"
                                  "symmetric_key = { uri = \"file:///k\" }\n")),
                ElementsAre(HasSubstr("identity_cert"), HasSubstr("symmetric_key")));
}

TEST(SuperConfig, TheTpmsOwnTable) {
    EXPECT_THAT(with_base("[tpm]\ntcti = \"\"\nauth_key_index = 0x800000\n[tpm.hierarchy_authorization]\nowner = \"" +
                          std::string(65, 'x') + "\"\nstorage = \"x\"\n"),
                ElementsAre(HasSubstr("tpm.tcti: is empty"), HasSubstr("tpm.auth_key_index"),
                            HasSubstr("hierarchy_authorization.owner: has more than 64 bytes"), HasSubstr("storage")));
}

TEST(SuperConfig, TheTpmIndexIsNoOtherKeysPlace) {
    EXPECT_THAT(with_base("[tpm]\nauth_key_index = 1\n"),
                ElementsAre(HasSubstr("0x1 is the place of the storage root key (0x81000001)")));
    EXPECT_THAT(with_base("[tpm]\nauth_key_index = 0x10001\n"),
                ElementsAre(HasSubstr("0x10001 is the place of the endorsement key (0x81010001)")));
    EXPECT_THAT(with_base("[tpm]\nauth_key_index = 2\n"), IsEmpty());
}

TEST(SuperConfig, TheTpmIndexIsANumberAsTheDocumentsDoNotSay) {
    EXPECT_THAT(with_base("[tpm]\nauth_key_index = \"0x000100\"\n"),
                Contains(HasSubstr("must be an integer, not a string")));
}

TEST(SuperConfig, AMissingSourceDoesNotRainErrors) {
    EXPECT_THAT(texts_of("[provisioning]\nsource = \"dsp\"\nglobal_endpoint = \"x\"\nanything = 1\n"),
                ElementsAre(HasSubstr("did you mean \"dps\"?")));
}

}  // namespace
}  // namespace muster::edge
