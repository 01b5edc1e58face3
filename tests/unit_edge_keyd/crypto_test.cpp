#include "edge/keyd/crypto.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

namespace muster::edge::keyd {
namespace {

Secret key_of(std::uint8_t fill) {
    return Secret(Bytes(32, fill));
}

TEST(Aead, ABlobIsTwoThenCiphertextThenTag) {
    const auto blob = aead_encrypt(key_of(1), as_bytes("0123456789ab"), as_bytes("aad"), as_bytes("plain")).value();
    ASSERT_EQ(blob.size(), 1 + 5 + 16);
    EXPECT_EQ(blob[0], 0x02);
    EXPECT_EQ(aead_decrypt(key_of(1), as_bytes("0123456789ab"), as_bytes("aad"), blob)->text(), "plain");
}

TEST(Aead, KnownAnswer) {
    // AES-256-GCM test case 14 of the GCM specification: zero key, zero iv, sixteen zero bytes.
    const auto blob = aead_encrypt(key_of(0), Bytes(12, 0), {}, Bytes(16, 0)).value();
    EXPECT_EQ(hex_encode(blob), "02cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}

TEST(Aead, TheLegacyBlobHasItsTagInFront) {
    const auto blob = aead_encrypt(key_of(1), as_bytes("iv"), as_bytes("aad"), as_bytes("plain")).value();
    Bytes legacy{0x01};
    legacy.insert(legacy.end(), blob.end() - 16, blob.end());
    legacy.insert(legacy.end(), blob.begin() + 1, blob.end() - 16);
    EXPECT_EQ(aead_decrypt(key_of(1), as_bytes("iv"), as_bytes("aad"), legacy)->text(), "plain");
}

TEST(Aead, AnyChangeIsNoticed) {
    auto blob = aead_encrypt(key_of(1), as_bytes("iv"), as_bytes("aad"), as_bytes("plain")).value();
    EXPECT_FALSE(aead_decrypt(key_of(2), as_bytes("iv"), as_bytes("aad"), blob));
    EXPECT_FALSE(aead_decrypt(key_of(1), as_bytes("IV"), as_bytes("aad"), blob));
    EXPECT_FALSE(aead_decrypt(key_of(1), as_bytes("iv"), as_bytes("AAD"), blob));
    for (auto& byte : blob) {
        byte ^= 1;
        EXPECT_FALSE(aead_decrypt(key_of(1), as_bytes("iv"), as_bytes("aad"), blob));
        byte ^= 1;
    }
}

TEST(Aead, EmptyAndMalformedInputs) {
    const auto blob = aead_encrypt(key_of(1), as_bytes("iv"), {}, {}).value();
    EXPECT_EQ(aead_decrypt(key_of(1), as_bytes("iv"), {}, blob)->size(), 0U);
    EXPECT_FALSE(aead_encrypt(key_of(1), {}, {}, {}));
    EXPECT_FALSE(aead_encrypt(Secret(Bytes(16, 1)), as_bytes("iv"), {}, {}));
    EXPECT_FALSE(aead_decrypt(key_of(1), as_bytes("iv"), {}, {}));
    EXPECT_FALSE(aead_decrypt(key_of(1), as_bytes("iv"), {}, Bytes(17, 0x03)));
}

class Ecdsa : public ::testing::TestWithParam<int> {};

TEST_P(Ecdsa, SignsADigestThatThePublicKeyVerifies) {
    const auto key = pki::PrivateKey::generate({pki::KeyAlgorithm::ec, GetParam()}).value();
    const auto signature = ecdsa_sign(key, pki::sha256(as_bytes("message"))).value();
    EXPECT_TRUE(key.public_key()->verify(as_bytes("message"), signature));
    EXPECT_FALSE(key.public_key()->verify(as_bytes("Message"), signature));
}

TEST_P(Ecdsa, ThePointIsCompressedAndTheCurveIsNamed) {
    const auto key = pki::PrivateKey::generate({pki::KeyAlgorithm::ec, GetParam()}).value();
    const auto point = base64_decode(key_parameter(key.public_key().value(), "ec-point").value()).value();
    EXPECT_EQ(point.size(), static_cast<std::size_t>(GetParam()) / 8 + 1);
    const auto oid = base64_decode(key_parameter(key.public_key().value(), "ec-curve-oid").value()).value();
    EXPECT_EQ(hex_encode(oid), GetParam() == 256 ? "06082a8648ce3d030107" : "06052b81040022");
    EXPECT_EQ(key_parameter(key.public_key().value(), "algorithm").value(), "ECDSA");
    EXPECT_FALSE(key_parameter(key.public_key().value(), "rsa-modulus"));
}

INSTANTIATE_TEST_SUITE_P(Curves, Ecdsa, ::testing::Values(256, 384));

TEST(Rsa, BothPaddings) {
    const auto key = pki::PrivateKey::generate({pki::KeyAlgorithm::rsa, 2048}).value();
    const auto digest = pki::sha256(as_bytes("message"));
    auto info = hex_decode("3031300d060960864801650304020105000420").value();
    info.insert(info.end(), digest.begin(), digest.end());
    const auto signature = rsa_private(key, RsaPadding::pkcs1, info).value();
    EXPECT_TRUE(key.public_key()->verify(as_bytes("message"), signature));
    EXPECT_EQ(rsa_private(key, RsaPadding::none, Bytes(256, 1))->size(), 256U);
    EXPECT_FALSE(rsa_private(key, RsaPadding::none, Bytes(255, 1)));
    EXPECT_FALSE(rsa_private(key, RsaPadding::pkcs1, Bytes(256, 1)));
    EXPECT_FALSE(ecdsa_sign(key, digest));
    EXPECT_EQ(base64_decode(key_parameter(key.public_key().value(), "rsa-modulus").value())->size(), 256U);
    EXPECT_EQ(key_parameter(key.public_key().value(), "rsa-exponent").value(), "AQAB");
}

TEST(PreferredAlgorithm, TheFirstOfTheList) {
    EXPECT_EQ(preferred_algorithms("")->front().text(), "ec:p256");
    EXPECT_EQ(preferred_algorithms("*")->front().text(), "ec:p256");
    EXPECT_EQ(preferred_algorithms("rsa-2048:*")->front().text(), "rsa:2048");
    EXPECT_EQ(preferred_algorithms("ec-p256:rsa-4096:*")->front().text(), "ec:p256");
    EXPECT_FALSE(preferred_algorithms("ed25519"));
}

}  // namespace
}  // namespace muster::edge::keyd
