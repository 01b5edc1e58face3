// Keys in SoftHSM 2: made, used, moved, taken away with their token and brought back.
#include "edge/pkcs11/token.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "edge/pkcs11/sessions.h"
#include "support/soft_hsm.h"

namespace muster::edge::pkcs11 {
namespace {

using ::muster::testing::SoftHsm;
using ::testing::HasSubstr;
using ::testing::Not;

Uri uri(const std::string& text) {
    return Uri::parse("pkcs11:" + text).value();
}

// How often the library may be started again.
constexpr auto another_look = std::chrono::milliseconds(50);

const pki::KeySpec p256{pki::KeyAlgorithm::ec, 256};
const pki::KeySpec p384{pki::KeyAlgorithm::ec, 384};

class InSoftHsm : public ::testing::Test {
protected:
    void SetUp() override {
        MUSTER_NEEDS_SOFT_HSM();
        hsm.emplace();
        hsm->make_token("edge", "1234");
        module = Module::load(SoftHsm::library, another_look).value();
        token = std::make_unique<Token>(*module, uri("token=edge?pin-value=1234"));
    }
    void TearDown() override {
        token.reset();
        module.reset();
    }
    pki::PublicKey half(const std::string& label) const {
        return std::move(*token->find_pair(KeyName::labelled(label)).value());
    }

    SystemRandom random;
    std::optional<SoftHsm> hsm;
    std::unique_ptr<Module> module;
    std::unique_ptr<Token> token;
};

class EcInSoftHsm : public InSoftHsm, public ::testing::WithParamInterface<int> {};

TEST_P(EcInSoftHsm, SignsWhatThePublicHalfVerifies) {
    ASSERT_TRUE(token->generate_pair("k", {pki::KeyAlgorithm::ec, GetParam()}, random));
    const auto key = half("k");
    EXPECT_EQ(key.spec().bits, GetParam());
    const auto signature = token->sign_ecdsa(KeyName::labelled("k"), pki::sha256(as_bytes("message")));
    ASSERT_TRUE(signature) << signature.error().chain();
    EXPECT_TRUE(key.verify(as_bytes("message"), *signature));
    EXPECT_FALSE(token->rsa_private(KeyName::labelled("k"), RsaPadding::pkcs1, as_bytes("x")));
    // Longer than the curve: cut, as ECDSA has it, also where the token would not do it.
    EXPECT_TRUE(token->sign_ecdsa(KeyName::labelled("k"), Bytes(64, 7)));
}
INSTANTIATE_TEST_SUITE_P(Curves, EcInSoftHsm, ::testing::Values(256, 384));

class RsaInSoftHsm : public InSoftHsm, public ::testing::WithParamInterface<int> {};

TEST_P(RsaInSoftHsm, SignsWhatThePublicHalfVerifies) {
    ASSERT_TRUE(token->generate_pair("k", {pki::KeyAlgorithm::rsa, GetParam()}, random));
    const auto key = half("k");
    EXPECT_EQ(key.spec().bits, GetParam());
    const auto digest = pki::sha256(as_bytes("message"));
    auto info = hex_decode("3031300d060960864801650304020105000420").value();
    info.insert(info.end(), digest.begin(), digest.end());
    const auto signature = token->rsa_private(KeyName::labelled("k"), RsaPadding::pkcs1, info);
    ASSERT_TRUE(signature) << signature.error().chain();
    EXPECT_TRUE(key.verify(as_bytes("message"), *signature));
    Bytes block(static_cast<std::size_t>(GetParam()) / 8, 1);
    EXPECT_EQ(token->rsa_private(KeyName::labelled("k"), RsaPadding::none, block)->size(), block.size());
    block.push_back(1);
    EXPECT_FALSE(token->rsa_private(KeyName::labelled("k"), RsaPadding::none, block));
    EXPECT_FALSE(token->sign_ecdsa(KeyName::labelled("k"), digest));
}
INSTANTIATE_TEST_SUITE_P(Sizes, RsaInSoftHsm, ::testing::Values(2048, 4096));

TEST_F(InSoftHsm, OpenScSeesTheKeyAndCannotReadIt) {
    ASSERT_TRUE(token->generate_pair("device-id", p256, random));
    const auto list = hsm->tool("--login --pin 1234 --list-objects --type privkey");
    EXPECT_THAT(list, HasSubstr("label:      device-id"));
    EXPECT_THAT(list, HasSubstr("sensitive, always sensitive, never extractable"));
}

TEST_F(InSoftHsm, KeysThatOpenScMadeAreUsedByLabelAndById) {
    const auto made = hsm->tool("--login --pin 1234 --keypairgen --key-type EC:secp384r1 --label theirs --id 0a0b");
    ASSERT_THAT(made, HasSubstr("theirs"));
    const auto signature = token->sign_ecdsa(KeyName::of(uri("id=%0a%0b")), pki::sha256(as_bytes("m")));
    ASSERT_TRUE(signature) << signature.error().chain();
    EXPECT_TRUE(half("theirs").verify(as_bytes("m"), *signature));
}

TEST_F(InSoftHsm, TheCertificateStandsInForAPublicKeyThatIsNotThere) {
    ASSERT_TRUE(token->generate_pair("k", p256, random));
    ASSERT_THAT(hsm->tool("--login --pin 1234 --delete-object --type pubkey --label k"), Not(HasSubstr("error")));
    const auto without = token->find_pair(KeyName::labelled("k"));
    ASSERT_FALSE(without);
    EXPECT_THAT(without.error().chain(), HasSubstr("neither its public key nor a certificate"));
}

TEST_F(InSoftHsm, NoSuchKeyIsAnAnswer) {
    const auto none = token->find_pair(KeyName::labelled("nothing"));
    ASSERT_TRUE(none) << none.error().chain();
    EXPECT_FALSE(none->has_value());
    EXPECT_EQ(token->sign_ecdsa(KeyName::labelled("nothing"), Bytes(32)).error().code(), Errc::not_found);
}

TEST_F(InSoftHsm, ANameOfSeveralKeysIsRefused) {
    ASSERT_TRUE(token->generate_pair("twin", p256, random));
    ASSERT_TRUE(token->generate_pair("twin", p256, random));
    const auto found = token->find_pair(KeyName::labelled("twin"));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code(), Errc::conflict);
    EXPECT_THAT(found.error().hint(), HasSubstr("id="));
}

TEST_F(InSoftHsm, ALabelIsTakenOver) {
    ASSERT_TRUE(token->generate_pair("device-id", p256, random));
    ASSERT_TRUE(token->generate_pair("device-id-temp", p384, random));
    const auto id = token->id_of_pair("device-id-temp").value();
    for (int again = 0; again < 2; ++again) {
        const auto done = token->take_over_label(id, "device-id");
        ASSERT_TRUE(done) << done.error().chain();
        EXPECT_EQ(half("device-id").spec().bits, 384);
        EXPECT_FALSE(token->find_pair(KeyName::labelled("device-id-temp")).value());
    }
    ASSERT_TRUE(token->remove_pair("device-id"));
    EXPECT_THAT(hsm->tool("--login --pin 1234 --list-objects"), Not(HasSubstr("device-id")));
}

TEST_F(InSoftHsm, SecretKeys) {
    ASSERT_TRUE(token->supports(SecretUse::sign).value());
    const Bytes known(131, 0xaa);  // RFC 4231, test case 6; SoftHSM wants 32 bytes at least
    const auto imported = token->import_secret("hmac", SecretUse::sign, known, random);
    ASSERT_TRUE(imported) << imported.error().chain();
    const auto message = as_bytes("Test Using Larger Than Block-Size Key - Hash Key First");
    EXPECT_EQ(hex_encode(token->hmac_sha256(KeyName::labelled("hmac"), message).value()),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    const auto small = token->import_secret("small", SecretUse::sign, Bytes(20, 1), random);
    ASSERT_FALSE(small);
    EXPECT_EQ(small.error().code(), Errc::unsupported);
    EXPECT_FALSE(token->has_secret(KeyName::labelled("small")).value());
    ASSERT_TRUE(token->import_secret("hmac", SecretUse::sign, Bytes(32, 1), random));
    EXPECT_EQ(token->hmac_sha256(KeyName::labelled("hmac"), as_bytes("x")).value(),
              pki::hmac_sha256(Bytes(32, 1), as_bytes("x")));

    ASSERT_TRUE(token->generate_secret("master", SecretUse::sign, random));
    EXPECT_EQ(token->hmac_sha256(KeyName::labelled("master"), {})->size(), 32U);
    ASSERT_TRUE(token->remove_secret("master"));
    EXPECT_FALSE(token->has_secret(KeyName::labelled("master")).value());
}

TEST_F(InSoftHsm, AeadBothWays) {
    const auto made = token->generate_secret("aes", SecretUse::encrypt, random);
    ASSERT_TRUE(made) << made.error().chain();
    const auto key = KeyName::labelled("aes");
    const auto iv = as_bytes("123456789012");
    const auto sealed = token->aead_encrypt(key, iv, as_bytes("aad"), as_bytes("plain"));
    ASSERT_TRUE(sealed) << sealed.error().chain();
    EXPECT_EQ(sealed->size(), 5U + 16U);
    EXPECT_EQ(token->aead_decrypt(key, iv, as_bytes("aad"), *sealed)->text(), "plain");
    const auto wrong = token->aead_decrypt(key, iv, as_bytes("other"), *sealed);
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code(), Errc::invalid_argument) << wrong.error().chain();
    EXPECT_TRUE(token->aead_decrypt(key, iv, as_bytes("aad"), token->aead_encrypt(key, iv, as_bytes("aad"), {}).value())
                    .value()
                    .empty());
}

TEST_F(InSoftHsm, AWrongPinIsTriedOnce) {
    ASSERT_TRUE(token->generate_pair("k", p256, random));
    token.reset();  // its login would serve the others too
    Token wrong(*module, uri("token=edge?pin-value=4321"));
    const auto first = wrong.find_pair(KeyName::labelled("k"));
    ASSERT_FALSE(first);
    EXPECT_EQ(first.error().code(), Errc::unavailable);
    EXPECT_THAT(first.error().chain(), HasSubstr("CKR_PIN_INCORRECT"));
    EXPECT_THAT(first.error().hint(), HasSubstr("pin-value"));
    EXPECT_THAT(wrong.find_pair(KeyName::labelled("k")).error().chain(), HasSubstr("not tried again"));
    // Nor for another key in the same token, which would count the same.
    Token another(*module, uri("token=edge;object=other?pin-value=4321"));
    EXPECT_THAT(another.find_pair(KeyName::labelled("k")).error().chain(), HasSubstr("not tried again"));
    // Another PIN is another matter.
    Token right(*module, uri("token=edge?pin-value=1234"));
    EXPECT_TRUE(right.find_pair(KeyName::labelled("k")).value());
}

TEST_F(InSoftHsm, AWrongPinCostsOneTryHoweverManyAskAtOnce) {
    std::atomic<int> tried = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 8; ++i)
            threads.emplace_back([&] {
                Token wrong(*module, uri("token=edge?pin-value=9999"));
                const auto answer = wrong.find_pair(KeyName::labelled("k"));
                if (!answer && answer.error().chain().find("was refused before") == std::string::npos) ++tried;
            });
    }
    EXPECT_EQ(tried, 1);
}

TEST_F(InSoftHsm, AKeyThatIsNotToBeChangedIsSaidToBeSo) {
    ASSERT_TRUE(token->generate_pair("free", p256, random));
    EXPECT_TRUE(token->can_rename("free").value());
    Sessions sessions(*module, uri("token=edge?pin-value=1234"));
    const auto made = sessions.use_once([](const Session& session) {
        const Bytes curve{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
        Template open, secret;
        open.boolean(CKA_TOKEN, true).text(CKA_LABEL, "fixed").bytes(CKA_EC_PARAMS, curve);
        secret.boolean(CKA_TOKEN, true).boolean(CKA_SIGN, true).boolean(CKA_MODIFIABLE, false);
        secret.text(CKA_LABEL, "fixed");
        return session.generate_pair(CKM_EC_KEY_PAIR_GEN, open, secret);
    });
    ASSERT_TRUE(made) << made.error().chain();
    const auto can = token->can_rename("fixed");
    ASSERT_TRUE(can) << can.error().chain();
    EXPECT_FALSE(*can);
}

TEST_F(InSoftHsm, ATokenThatIsNotThereIsNamedAndThoseThatAre) {
    Token other(*module, uri("token=plant?pin-value=1234"));
    const auto found = other.find_pair(KeyName::labelled("k"));
    ASSERT_FALSE(found);
    EXPECT_THAT(found.error().chain(), HasSubstr("no token=plant"));
    EXPECT_THAT(found.error().chain(), HasSubstr("\"edge\""));
    // It appears: no restart of this process is needed.
    hsm->make_token("plant", "5678");
    std::this_thread::sleep_for(another_look);
    Token there(*module, uri("token=plant?pin-value=5678"));
    const auto info = there.info();
    ASSERT_TRUE(info) << info.error().chain();
    EXPECT_EQ(info->label, "plant");
}

TEST_F(InSoftHsm, ATokenGoesAndComesBack) {
    ASSERT_TRUE(token->generate_pair("k", p256, random));
    hsm->pull_out();
    std::this_thread::sleep_for(another_look);
    const auto away = token->find_pair(KeyName::labelled("k"));
    ASSERT_FALSE(away);
    EXPECT_EQ(away.error().code(), Errc::unavailable) << away.error().chain();
    EXPECT_FALSE(token->sign_ecdsa(KeyName::labelled("k"), Bytes(32)));
    hsm->put_back();
    std::this_thread::sleep_for(another_look);
    const auto back = token->sign_ecdsa(KeyName::labelled("k"), Bytes(32));
    EXPECT_TRUE(back) << back.error().chain();
}

TEST_F(InSoftHsm, ManyThreadsAtOnce) {
    ASSERT_TRUE(token->generate_pair("k", p256, random));
    const auto key = half("k");
    std::vector<std::thread> threads;
    std::atomic<int> good = 0;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int n = 0; n < 25; ++n) {
                const auto signature = token->sign_ecdsa(KeyName::labelled("k"), pki::sha256(as_bytes("m")));
                good += signature && key.verify(as_bytes("m"), *signature) ? 1 : 0;
            }
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(good, 100);
}

TEST(Library, WhatIsNoLibraryIsNamed) {
    const auto missing = Module::load("/nowhere/lib.so");
    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error().chain(), HasSubstr("/nowhere/lib.so"));
    EXPECT_THAT(missing.error().hint(), HasSubstr("pkcs11_lib_path"));
    const auto other = Module::load("libm.so.6");
    ASSERT_FALSE(other);
    EXPECT_THAT(other.error().chain(), HasSubstr("C_GetFunctionList"));
}

}  // namespace
}  // namespace muster::edge::pkcs11
