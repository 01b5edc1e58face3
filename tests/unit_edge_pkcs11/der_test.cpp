#include "edge/pkcs11/der.h"

#include <gtest/gtest.h>

#include "pki/key.h"

namespace muster::edge::pkcs11 {
namespace {

Bytes from_hex(std::string_view text) {
    return hex_decode(text).value();
}

TEST(Der, IntegersAreMinimalAndUnsigned) {
    EXPECT_EQ(hex_encode(der::integer(from_hex("0001"))), "020101");
    EXPECT_EQ(hex_encode(der::integer(from_hex("80"))), "02020080");
    EXPECT_EQ(hex_encode(der::integer(from_hex("0000"))), "020100");
    EXPECT_EQ(hex_encode(der::integer({})), "020100");
}

TEST(Der, LongElementsHaveLongLengths) {
    const Bytes content(300, 1);
    const auto text = der::bit_string(content);
    EXPECT_EQ(hex_encode(ByteView(text).first(5)), "0382012d00");
    EXPECT_EQ(text.size(), 305U);
}

TEST(Der, APointMayBeWrappedOrNot) {
    const auto wrapped = from_hex("04030402aa");
    EXPECT_EQ(hex_encode(der::octet_string_content(wrapped)), "0402aa");
    const auto plain = from_hex("0411223344");
    EXPECT_EQ(hex_encode(der::octet_string_content(plain)), hex_encode(plain));
    EXPECT_TRUE(der::octet_string_content({}).empty());
}

TEST(Der, PublicKeysAreReadBack) {
    const auto rsa = pki::PrivateKey::generate({pki::KeyAlgorithm::rsa, 2048}).value().public_key().value();
    // The modulus and exponent stand at the end of the encoding.
    const auto spki = rsa.spki_der();
    const auto numbers = ByteView(spki).last(270);
    const auto modulus = numbers.subspan(9, 256);
    const auto exponent = numbers.last(3);
    EXPECT_EQ(der::rsa_public_key(modulus, exponent), spki);

    const auto ec = pki::PrivateKey::generate({}).value().public_key().value();
    const auto ec_spki = ec.spki_der();
    const auto point = ByteView(ec_spki).last(65);
    EXPECT_EQ(der::ec_public_key(from_hex("06082a8648ce3d030107"), point), ec_spki);
}

TEST(Der, SignaturesHaveTwoHalves) {
    EXPECT_EQ(hex_encode(der::ecdsa_signature(from_hex("01ff")).value()), "3007020101020200ff");
    EXPECT_FALSE(der::ecdsa_signature(from_hex("01")));
    EXPECT_FALSE(der::ecdsa_signature({}));
}

}  // namespace
}  // namespace muster::edge::pkcs11
