// Keys in tokens, looked at before a configuration is written: SoftHSM 2 for real.
#include <gmock/gmock.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "fixture.h"
#include "support/soft_hsm.h"

namespace muster::edge {
namespace {

using ::muster::testing::SoftHsm;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class TokenCheck : public DeviceFixture {
protected:
    void SetUp() override {
        MUSTER_NEEDS_SOFT_HSM();
        DeviceFixture::SetUp();
        hsm.emplace();
        hsm->make_token("edge", "1234");
        write("key.der", std::string(as_text(pkcs8_of_leaf())), 0600);
        const auto put = hsm->tool("--login --pin 1234 --write-object " + at("key.der").string() +
                                   " --type privkey --label device-id --id 01");
        ASSERT_THAT(put, HasSubstr("device-id"));
        // A private key alone has no public half in SoftHSM: its certificate brings it.
        write("leaf.der", std::string(as_text(leaf_->certificate.der())), 0644);
        const auto certificate = hsm->tool("--login --pin 1234 --write-object " + at("leaf.der").string() +
                                           " --type cert --label device-id --id 01");
        ASSERT_THAT(certificate, HasSubstr("device-id"));
    }
    Bytes pkcs8_of_leaf() const {
        const auto pem = key_pem(*leaf_);
        const auto begin = pem.find('\n') + 1;
        return base64_decode(std::string_view(pem).substr(begin, pem.find("\n-----END") - begin), true).value();
    }
    static std::string library(const std::string& slot = "") {
        auto text = fmt::format("[aziot_keys]\npkcs11_lib_path = \"{}\"\n", SoftHsm::library);
        if (!slot.empty()) text += fmt::format("pkcs11_base_slot = \"{}\"\n", slot);
        return text;
    }
    void with_key(const std::string& uri, const std::string& rest) const {
        auto text = config_text(rest);
        const auto begin = text.find("identity_pk = ");
        text.replace(begin, text.find('\n', begin) - begin, "identity_pk = \"" + uri + "\"");
        write("etc/aziot/config.toml", text, 0600);
    }
    void with_key(const std::string& uri) const { with_key(uri, library()); }
    std::string hint() const { return run(true)->findings.problems.at(0).hint; }

    std::optional<SoftHsm> hsm;
};

// As issuers may write it (RFC 5480, 2.2).
TEST_F(TokenCheck, ACertificateWithACompressedPointIsOfTheSameKey) {
    const auto half = pki::PublicKey::from_spki_der(leaf_->key.public_key()->spki_der()).value();
    ASSERT_EQ(EVP_PKEY_set_utf8_string_param(half.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"), 1);
    const pki::Issuer issuer{intermediate_->certificate, intermediate_->key};
    const auto compressed = pki::issue({.profile = pki::Profile::client,
                                        .common_name = "press-7",
                                        .not_before = now_ - std::chrono::hours(1),
                                        .not_after = now_ + std::chrono::days(90)},
                                       half, &issuer, nullptr, random_);
    ASSERT_TRUE(compressed);
    ASSERT_EQ(EVP_PKEY_get_ec_point_conv_form(compressed->public_key()->get()), POINT_CONVERSION_COMPRESSED);
    write("chain.pem", compressed->pem() + chain_pem({&*intermediate_, &*root_ca_}), 0644);
    with_key("pkcs11:token=edge;object=device-id?pin-value=1234");
    EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(TokenCheck, AGoodTokenHasNoFindings) {
    with_key("pkcs11:token=edge;object=device-id?pin-value=1234");
    EXPECT_THAT(problems(), IsEmpty());
    EXPECT_THAT(warnings(), IsEmpty());
    with_key("pkcs11:object=device-id", library("pkcs11:token=edge?pin-value=1234"));
    EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(TokenCheck, AMissingLibrary) {
    with_key("pkcs11:token=edge;object=device-id?pin-value=1234",
             "[aziot_keys]\npkcs11_lib_path = \"/nowhere/lib.so\"\n");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("the PKCS #11 library /nowhere/lib.so cannot be used")));
    EXPECT_THAT(hint(), HasSubstr("pkcs11_lib_path"));
    with_key("pkcs11:token=edge;object=device-id?pin-value=1234", "");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("no library that speaks to it")));
}

TEST_F(TokenCheck, AMissingToken) {
    with_key("pkcs11:token=plant;object=device-id?pin-value=1234");
    EXPECT_THAT(problems(),
                ElementsAre(HasSubstr(
                    "config.toml:11: provisioning.attestation.identity_pk: the token is missing: no token=plant")));
    EXPECT_THAT(hint(),
                ContainsRegex("sudo -u [^ ]+ pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --list-token-slots"));
    hsm->pull_out();
    with_key("pkcs11:token=edge;object=device-id?pin-value=1234");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("identity_pk: ")));
}

TEST_F(TokenCheck, AWrongPinAndNone) {
    with_key("pkcs11:token=edge;object=device-id?pin-value=4321");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("CKR_PIN_INCORRECT")));
    EXPECT_THAT(problems()[0] + hint(), Not(HasSubstr("4321")));
    with_key("pkcs11:token=edge;object=device-id");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("wants a PIN and the URI has none")));
    with_key("pkcs11:object=device-id?pin-value=1234", library("pkcs11:token=edge?pin-value=4321"));
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("aziot_keys.pkcs11_base_slot: ")));
}

TEST_F(TokenCheck, AKeyThatIsNotThereAndOneOfAnotherCertificate) {
    with_key("pkcs11:token=edge;object=nothing?pin-value=1234");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("has no private key for token=edge;object=nothing")));
    ASSERT_THAT(hsm->tool("--login --pin 1234 --keypairgen --key-type EC:prime256v1 --label other --id 02"),
                HasSubstr("other"));
    with_key("pkcs11:token=edge;object=other?pin-value=1234");
    EXPECT_THAT(problems(),
                ElementsAre(HasSubstr("the key in the token (token=edge;object=other) does not belong to the "
                                      "certificate CN=press-7")));
}

TEST_F(TokenCheck, ALibraryThatIsNone) {
    with_key("pkcs11:token=edge;object=device-id?pin-value=1234",
             "[aziot_keys]\npkcs11_lib_path = \"/lib/x86_64-linux-gnu/libm.so.6\"\n");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("no C_GetFunctionList")));
}

TEST_F(TokenCheck, WhatKeydsUnitSaysOfTheEnvironmentCounts) {
    with_key("pkcs11:token=edge;object=device-id?pin-value=1234");
    const auto configuration = hsm->configuration();
    ::unsetenv("SOFTHSM2_CONF");
    EXPECT_FALSE(problems().empty());
    ManualClock clock(now_);
    ApplyWorld world{clock, [this](const std::string&, const std::string&) { return lookup_; }};
    world.keyd_environment = {{"SOFTHSM2_CONF", configuration}};
    EXPECT_THAT(apply(paths_, {paths_.super_config(), true}, world)->findings.problems, IsEmpty());
}

TEST_F(TokenCheck, MistakesInUrisAreToldWithTheirLineAndWithoutThePin) {
    with_key("pkcs11:tokn=edge;object=device-id?pin-value=1234");
    EXPECT_THAT(
        problems(),
        ElementsAre(HasSubstr("config.toml:11: provisioning.attestation.identity_pk: has the unknown attribute")));
    with_key("pkcs11:token=edge?pin-value=hush");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("names no object")));
    EXPECT_THAT(problems()[0], Not(HasSubstr("hush")));
    with_key("pkcs11:token=edge;object=device-id?pin-value=1234", library("pkcs11:token=edge;object=x?pin-value=1234"));
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("names an object, but a slot holds many")));
    with_key("pkcs11:object=device-id", "[aziot_keys]\npkcs11_lib_path = \"softhsm.so\"\npkcs11_basic_slot = \"x\"\n");
    EXPECT_THAT(problems(), ::testing::Contains(HasSubstr("must be an absolute path")));
    EXPECT_THAT(problems(), ::testing::Contains(HasSubstr("did you mean \"pkcs11_base_slot\"?")));
}

}  // namespace
}  // namespace muster::edge
