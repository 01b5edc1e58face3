// Secrets are planted in every form that one may leave a device in, and looked for.
#include "edge/support/redact.h"

#include <gmock/gmock.h>

#include "base/bytes.h"

namespace muster::edge::support {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view secret = "S3cr3t/key+of==the/device";

class Learnt : public ::testing::TestWithParam<const char*> {};

TEST_P(Learnt, IsTakenOutInEveryForm) {
    Redactor redactor;
    redactor.learn_from_configuration(GetParam());
    for (const auto& form : {std::string(secret), base64_encode(as_bytes(secret)), percent_encode(secret),
                             std::string("S3cr3t\\/key+of==the\\/device")}) {
        const auto clean = redactor.clean("before " + form + " after");
        EXPECT_THAT(clean, Not(HasSubstr(form)));
        EXPECT_THAT(clean, HasSubstr("before "));
        EXPECT_THAT(clean, HasSubstr(" after"));
    }
    EXPECT_THAT(redactor.clean_configuration(GetParam()), Not(HasSubstr("S3cr3t")));
}

INSTANTIATE_TEST_SUITE_P(
    Configurations, Learnt,
    ::testing::Values(
        "[provisioning]\nconnection_string = \"HostName=h;DeviceId=d;SharedAccessKey=S3cr3t/key+of==the/device\"\n",
        "[provisioning.attestation]\nsymmetric_key = { value = \"S3cr3t/key+of==the/device\" }\n",
        "[aziot_keys]\npkcs11_base_slot = \"pkcs11:token=t?pin-value=S3cr3t%2Fkey%2Bof%3D%3Dthe%2Fdevice\"\n",
        "[preloaded_keys]\ndevice-id = \"pkcs11:token=t;object=o?pin-value=S3cr3t%2Fkey%2Bof%3D%3Dthe%2Fdevice\"\n",
        "[cert_issuance.est.auth]\nusername = \"u\"\npassword = \"S3cr3t/key+of==the/device\"\n",
        "[proxy]\nurl = \"http://u:S3cr3t%2Fkey%2Bof%3D%3Dthe%2Fdevice@proxy:3128\"\n",
        "[agent.config.auth]\npassword = \"S3cr3t/key+of==the/device\"\n",
        "[agent.env]\nUPLOAD_TOKEN = \"S3cr3t/key+of==the/device\"\n",
        "[tpm.hierarchy_authorization]\nowner = \"S3cr3t/key+of==the/device\"\n",
        "[[cert]]\npassword = \"S3cr3t/key+of==the/device\"\n"));

struct Looks {
    const char* text;
    const char* hidden;
    const char* stays;
};
class LooksSecret : public ::testing::TestWithParam<Looks> {};

TEST_P(LooksSecret, IsTakenOutWithoutHavingBeenLearnt) {
    const auto clean = Redactor().clean(GetParam().text);
    EXPECT_THAT(clean, Not(HasSubstr(GetParam().hidden)));
    EXPECT_THAT(clean, HasSubstr(GetParam().stays));
    EXPECT_THAT(clean, HasSubstr(std::string(removed)));
}

INSTANTIATE_TEST_SUITE_P(
    Texts, LooksSecret,
    ::testing::Values(
        Looks{"HostName=h;DeviceId=d;SharedAccessKey=hush;x", "hush", "DeviceId=d"},
        Looks{"sharedaccesskey=hush", "hush", "sharedaccesskey="},
        Looks{"SharedAccessSignature sr=h&sig=hush%3D&se=17", "hush", "&se=17"},
        Looks{"-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\nrest", "hush", "rest"},
        Looks{"-----BEGIN RSA PRIVATE KEY-----\nhush\nand it ends here", "hush", "RSA PRIVATE KEY"},
        Looks{"-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\nhush",
              "hush", "MII"},
        Looks{"connecting to http://u:hush@proxy:3128/x", "hush", "@proxy:3128/x"},
        Looks{"pkcs11:token=t;object=o?pin-value=hush", "hush", "object=o"},
        Looks{"PUT /x HTTP/1.1\nAuthorization: Basic hush\nHost: h", "hush", "Host: h"},
        Looks{R"({"Authorization":"Bearer hush","other":1})", "hush", "Authorization"},
        Looks{"request headers authorization=Bearer hush\nnext", "hush", "next"}));

TEST(Redactor, WhatIsNoSecretStays) {
    const std::string text =
        "2026-11-26T17:00:00Z [INFO] - provisioned deviceId=press-1 hub=localhost\n"
        "https://localhost/a:b@c see http://host/x\n-----BEGIN CERTIFICATE-----\nMII\n";
    EXPECT_EQ(Redactor().clean(text), text);
    Redactor redactor;
    redactor.learn_from_configuration("[provisioning.attestation]\nsymmetric_key = \"device-id\"\nmethod = \"x509\"\n");
    EXPECT_EQ(redactor.clean("device-id x509"), "device-id x509");
}

TEST(Redactor, AConfigurationKeepsItsShape) {
    const auto clean = Redactor().clean_configuration(
        "hostname = \"press-1\"\n[provisioning]\nid_scope = \"0ne1\"\n[agent.config.auth]\nusername = \"u\"\npassword "
        "= \"hush\"\n");
    EXPECT_THAT(clean, HasSubstr("press-1"));
    EXPECT_THAT(clean, HasSubstr("0ne1"));
    EXPECT_THAT(clean, Not(HasSubstr("hush")));
    EXPECT_THAT(Redactor().clean_configuration("password = hush"), Not(HasSubstr("hush")));
}

TEST(Redactor, BytesOfKeysAreLookedForInTheirTexts) {
    Redactor redactor;
    const Bytes key{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xff, 0xfe};
    redactor.learn(as_text(key));
    EXPECT_THAT(redactor.clean("key " + base64_encode(key)), Not(HasSubstr(base64_encode(key))));
    Redactor from_base64;
    from_base64.learn(base64_encode(key));
    EXPECT_THAT(from_base64.clean("key " + hex_encode(key)), Not(HasSubstr(hex_encode(key))));
}

}  // namespace
}  // namespace muster::edge::support
