// A TPM and tpm2-tools, neither of them ours, take out what the room wire/tpm has wrapped.
#include <gtest/gtest.h>

#include "pki/key.h"
#include "software_tpm.h"
#include "wire/tpm/activation.h"
#include "wire/tpm/buffer.h"

namespace muster::wire::tpm {
namespace {

// The algorithms of the endorsement key and of the storage root key, as tpm2-tools name them.
class Judge : public ::testing::TestWithParam<std::pair<const char*, const char*>> {
protected:
    void SetUp() override {
        const auto [endorsement, storage] = GetParam();
        tpm_.tool(std::string("tpm2_createek -G ") + endorsement + " -c 0x81010001 -u ek.pub");
        tpm_.tool(std::string("tpm2_createprimary -C o -G ") + storage +
                  " -a 'restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda' -c srk.ctx");
        tpm_.tool("tpm2_evictcontrol -C o -c srk.ctx 0x81000001");
        tpm_.tool("tpm2_readpublic -c 0x81000001 -o srk.pub");
        tpm_.tool("tpm2_flushcontext -t");  // it has few slots, and no manager for them here
    }
    StorageKey key(const std::string& file) {
        auto parsed = StorageKey::parse(tpm_.read(file));
        EXPECT_TRUE(parsed) << parsed.error().chain();
        return std::move(*parsed);
    }
    // TPM2_ActivateCredential with the endorsement key's policy.
    bool activate(const std::string& blob, const std::string& out) {
        tpm_.tool("tpm2_startauthsession --policy-session -S s.ctx");
        tpm_.tool("tpm2_policysecret -S s.ctx -c e");
        const bool works = tpm_.tool_works("tpm2_activatecredential -c 0x81000001 -C 0x81010001 -P session:s.ctx -i " +
                                           blob + " -o " + out);
        tpm_.tool("tpm2_flushcontext s.ctx");
        return works;
    }
    // The file format of tpm2-tools.
    static Bytes credential_file(ByteView id_object, ByteView secret) {
        return Writer().u32(0xBADCC0DE).u32(1).sized(id_object).sized(secret).take();
    }
    static ByteView content(ByteView sized) { return sized.subspan(2); }

    test::SoftwareTpm tpm_;
    SystemRandom random_;
};

TEST_P(Judge, TheTpmAgreesOnNames) {
    const auto storage = key("srk.pub");
    const auto shown = tpm_.tool("tpm2_readpublic -c 0x81000001");
    EXPECT_NE(shown.find(hex_encode(storage.name())), std::string::npos) << shown;
}

TEST_P(Judge, ActivatesOurCredential) {
    const auto endorsement = key("ek.pub"), storage = key("srk.pub");
    const Bytes secret = random_.bytes(32);
    const auto made = make_credential(endorsement, storage.name(), secret, random_);
    ASSERT_TRUE(made);
    tpm_.write("credential", credential_file(made->id_object, made->encrypted_secret));
    ASSERT_TRUE(activate("credential", "secret"));
    EXPECT_EQ(tpm_.read("secret"), secret);
    // Of another object, it does not.
    const auto other = make_credential(endorsement, endorsement.name(), secret, random_);
    tpm_.write("credential", credential_file(other->id_object, other->encrypted_secret));
    EXPECT_FALSE(activate("credential", "secret"));
}

TEST_P(Judge, ImportsOurKeyAndSignsWithIt) {
    const Bytes hmac_key = random_.bytes(32);
    const auto blob = make_activation_blob(key("ek.pub"), key("srk.pub"), hmac_key, random_);
    ASSERT_TRUE(blob);
    const auto parts = ActivationBlob::split(*blob);
    tpm_.write("credential", credential_file(content(parts->id_object), content(parts->encrypted_secret)));
    ASSERT_TRUE(activate("credential", "inner"));
    tpm_.write("key.dup", parts->duplicate);
    tpm_.write("key.seed", parts->seed);
    tpm_.write("key.pub", parts->public_area);
    tpm_.tool("tpm2_import -C 0x81000001 -i key.dup -s key.seed -u key.pub -k inner -r key.priv -G aes");
    tpm_.tool("tpm2_load -C 0x81000001 -u key.pub -r key.priv -c key.ctx");
    tpm_.write("message", as_bytes("what is signed"));
    tpm_.tool("tpm2_hmac -c key.ctx -o digest message");
    EXPECT_EQ(tpm_.read("digest"), pki::hmac_sha256(hmac_key, as_bytes("what is signed")));
}

INSTANTIATE_TEST_SUITE_P(Kinds, Judge,
                         ::testing::Values(std::pair("rsa", "rsa2048:aes128cfb"), std::pair("ecc", "ecc256:aes128cfb"),
                                           std::pair("rsa", "ecc256:aes128cfb")),
                         [](const auto& info) {
                             return std::string(info.param.first) + "_" + std::string(info.param.second, 0, 3);
                         });

}  // namespace
}  // namespace muster::wire::tpm
