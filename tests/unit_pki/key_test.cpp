#include "pki/key.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>

namespace muster::pki {
namespace {

PrivateKey generate(const char* spec) {
    return *PrivateKey::generate(*KeySpec::parse(spec));
}

std::string encrypted_pem(const PrivateKey& key, const char* passphrase) {
    BIO* out = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(out, key.get(), EVP_aes_256_cbc(), passphrase,
                                  static_cast<int>(std::string_view(passphrase).size()), nullptr, nullptr);
    char* data = nullptr;
    const long size = BIO_get_mem_data(out, &data);
    std::string pem(data, static_cast<std::size_t>(size));
    BIO_free(out);
    return pem;
}

TEST(KeySpec, ReadsWhatItWrites) {
    for (const char* text : {"ec:p256", "ec:p384", "rsa:2048", "rsa:3072", "rsa:4096"}) {
        EXPECT_EQ(KeySpec::parse(text)->text(), text);
    }
    EXPECT_EQ(KeySpec::parse("EC:P256")->text(), "ec:p256");
}

TEST(KeySpec, RefusesOthersAndNamesTheChoices) {
    for (const char* text : {"", "ec", "rsa:1024", "ec:p521", "dsa:2048", "rsa:2048 "}) {
        const auto spec = KeySpec::parse(text);
        ASSERT_FALSE(spec) << text;
        EXPECT_NE(spec.error().message().find("ec:p256, ec:p384, rsa:2048"), std::string::npos);
    }
}

class EveryKind : public testing::TestWithParam<const char*> {};

TEST_P(EveryKind, SignsAndVerifies) {
    const PrivateKey key = generate(GetParam());
    const PublicKey public_key = *key.public_key();
    const Bytes signature = *key.sign(as_bytes("message"));
    EXPECT_TRUE(public_key.verify(as_bytes("message"), signature));
    EXPECT_FALSE(public_key.verify(as_bytes("massage"), signature));
    EXPECT_FALSE(public_key.verify(as_bytes("message"), {}));
    EXPECT_FALSE(generate(GetParam()).public_key()->verify(as_bytes("message"), signature));
    EXPECT_EQ(public_key.spec().text(), GetParam());
    EXPECT_EQ(ERR_peek_error(), 0U) << "a failed verification must leave nothing for the next TLS call to stumble on";
}

TEST_P(EveryKind, GoesThroughPemAndSpki) {
    const PrivateKey key = generate(GetParam());
    const Secret pem = *key.to_pem();
    EXPECT_TRUE(pem.text().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    const PrivateKey again = *PrivateKey::from_pem(pem.text());
    const PublicKey public_key = *key.public_key();
    EXPECT_EQ(*again.public_key(), public_key);
    EXPECT_EQ(*PublicKey::from_spki_der(public_key.spki_der()), public_key);
    EXPECT_TRUE(public_key.verify(as_bytes("x"), *again.sign(as_bytes("x"))));
}

TEST_P(EveryKind, EncryptedNeedsTheRightPassphrase) {
    const PrivateKey key = generate(GetParam());
    const std::string pem = encrypted_pem(key, "1234");
    EXPECT_EQ(PrivateKey::from_pem(pem).error().code(), Errc::unauthorized);
    EXPECT_EQ(PrivateKey::from_pem(pem, "4321").error().code(), Errc::unauthorized);
    EXPECT_EQ(*PrivateKey::from_pem(pem, "1234")->public_key(), *key.public_key());
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryKind, testing::Values("ec:p256", "ec:p384", "rsa:2048"));

// Made by `openssl ecparam -name prime256v1 -genkey`: parameters first, then SEC1.
constexpr std::string_view kSec1 =
    "-----BEGIN EC PARAMETERS-----\n"
    "BggqhkjOPQMBBw==\n"
    "-----END EC PARAMETERS-----\n"
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEIEZ2z+mEB6iOziiUjRbAbtvQiIyMSjiySiBSGa0+t7RtoAoGCCqGSM49\n"
    "AwEHoUQDQgAEfBAXmam8APyzzyszRvozEobqcMtX+08NP/agOMIoeMkDy+MVzEWG\n"
    "jXVO0fC3HccCFt5hzuTxWM3J09uHYpA1ew==\n"
    "-----END EC PRIVATE KEY-----\n";

TEST(PrivateKey, ReadsSec1BehindItsParameters) {
    const auto key = PrivateKey::from_pem(kSec1);
    ASSERT_TRUE(key) << key.error().chain();
    EXPECT_EQ(key->public_key()->spec().text(), "ec:p256");
}

TEST(PrivateKey, RefusesWhatIsNone) {
    for (const std::string_view text :
         {std::string_view(), std::string_view("hello"),
          std::string_view("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
          std::string_view("-----BEGIN PRIVATE KEY-----\n")}) {
        EXPECT_EQ(PrivateKey::from_pem(text).error().code(), Errc::invalid_argument) << text;
    }
    EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(PublicKey, RefusesRubbishAndTrailingBytes) {
    Bytes der = generate("ec:p256").public_key()->spki_der();
    EXPECT_FALSE(PublicKey::from_spki_der(ByteView(der).first(der.size() - 1)));
    der.push_back(0);
    EXPECT_FALSE(PublicKey::from_spki_der(der));
    EXPECT_FALSE(PublicKey::from_spki_der({}));
}

// RFC 6234 and RFC 4231 test vectors.
TEST(Digests, KnownAnswers) {
    EXPECT_EQ(hex_encode(sha256(as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hex_encode(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    // RFC 4231, test case 6: a key longer than a block.
    EXPECT_EQ(
        hex_encode(hmac_sha256(Bytes(131, 0xaa), as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    EXPECT_EQ(hex_encode(hmac_sha256({}, {})), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

}  // namespace
}  // namespace muster::pki
