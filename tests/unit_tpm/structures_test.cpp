#include <gmock/gmock.h>

#include "support/tpm_keys.h"
#include "wire/tpm/crypto.h"

namespace muster::wire::tpm {
namespace {

using namespace test;
using ::testing::HasSubstr;

// The endorsement key of Azure's documents and of its SDKs' tests.
constexpr std::string_view documents_key =
    "AToAAQALAAMAsgAgg3GXZ0SEs/gakMyNRqXXJP1S124GUgtk8qHaGzMUaaoABgCAAEMAEAgAAAAAAAEAxsj2gUScTk1UjuioeTlfGYZrrimExB"
    "+bScH75adUMRIi2UOMxG1kw4y+9RW/IVoMl4e620VxZad0ARX2gUqVjYO7KPVt3dyKhZS3dkcvfBisBhP1XH9B33VqHG9SHnbnQXdBUaCgKAfx"
    "ome8UmBKfe+naTsE5fkvjb/do3/dD6l4sGBwFCnKRdln4XpM03zLpoHFao8zOwt8l/uP3qUIxmCYv9A7m69Ms+5/pCkTu/rK4mRDsfhZ0QLfbz"
    "VI6zQFOKF/rwsfBtFeWlWtcuJMKlXdD8TXWElTzgh7JS4qhFzreL0c1mI0GCj+Aws0usZh7dLIVPnlgZcBhgy1SSDQMQ==";

std::string fault(ByteView bytes) {
    const auto key = StorageKey::parse(bytes);
    return key ? "" : key.error().message();
}

TEST(StorageKey, ReadsTheKeyOfTheDocuments) {
    const auto key = StorageKey::from_base64(documents_key);
    ASSERT_TRUE(key) << key.error().chain();
    EXPECT_EQ(key->type(), algorithm::rsa);
    EXPECT_EQ(key->symmetric_bits(), 128);
    EXPECT_EQ(key->name().size(), 34U);
    EXPECT_EQ(base64_encode(key->tpm2b()), documents_key);
    // The name is the digest of what stands behind the length, under its algorithm (Part 1, 16).
    EXPECT_EQ(key->name(), name_of(algorithm::sha256, ByteView(key->tpm2b()).subspan(2)));
}

TEST(StorageKey, ReadsTheUsualKinds) {
    const auto p384 = ec_key("P-384"), p256 = ec_key();
    const auto rsa3072 = rsa_key(3072);
    EXPECT_EQ(fault(public_of({.bits = 3072}, rsa3072.get())), "");
    EXPECT_EQ(fault(public_of({.type = algorithm::ecc, .policy = 0}, p256.get())), "");
    EXPECT_EQ(fault(public_of({.type = algorithm::ecc, .attributes = storage_attributes}, p256.get())), "");
    EXPECT_EQ(fault(public_of(
                  {.type = algorithm::ecc, .hash = algorithm::sha384, .symmetric_bits = 256, .curve = 4, .policy = 48},
                  p384.get())),
              "");
}

TEST(StorageKey, SaysWhatItIsNot) {
    const auto key = rsa_key();
    const auto refused = [&](Shape shape) { return fault(public_of(shape, key.get())); };
    EXPECT_THAT(refused({.hash = 0x0004}), HasSubstr("named"));
    EXPECT_THAT(refused({.attributes = 0x00040072}), HasSubstr("attributes (0x00040072)"));
    EXPECT_THAT(refused({.attributes = endorsement_attributes & ~attribute::fixed_tpm}), HasSubstr("fixedTPM"));
    EXPECT_THAT(refused({.attributes = endorsement_attributes | attribute::sign}), HasSubstr("not sign"));
    EXPECT_THAT(refused({.symmetric = 0x0026}), HasSubstr("AES"));
    EXPECT_THAT(refused({.symmetric_bits = 192}), HasSubstr("AES-128"));
    EXPECT_THAT(refused({.scheme = 0x0017}), HasSubstr("scheme"));
    EXPECT_THAT(refused({.bits = 1024}), HasSubstr("2048"));
    EXPECT_THAT(refused({.exponent = 3}), HasSubstr("65537"));
    EXPECT_THAT(refused({.policy = 20}), HasSubstr("policy"));
    auto even = public_of({}, key.get());
    even.back() &= 0xFE;
    EXPECT_THAT(fault(even), HasSubstr("odd"));
}

TEST(StorageKey, RefusesAPointOffItsCurve) {
    const auto key = ec_key();
    auto bytes = public_of({.type = algorithm::ecc}, key.get());
    bytes.back() ^= 1;
    EXPECT_THAT(fault(bytes), HasSubstr("not on its curve"));
}

TEST(StorageKey, RefusesEveryCutAndAnythingBehind) {
    const auto key = ec_key();
    const auto whole = public_of({.type = algorithm::ecc}, key.get());
    for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_NE(fault(ByteView(whole).first(size)), "") << size;
    auto area = area_of({.type = algorithm::ecc}, key.get());
    for (std::size_t size = 0; size < area.size(); ++size)
        EXPECT_NE(fault(Writer().sized(ByteView(area).first(size)).take()), "") << size;
    auto more = whole;
    more.push_back(0);
    EXPECT_THAT(fault(more), HasSubstr("behind the public area"));
    area.push_back(0);
    EXPECT_THAT(fault(Writer().sized(area).take()), HasSubstr("behind the key"));
    EXPECT_THAT(fault(Bytes(5000)), HasSubstr("too long"));
    EXPECT_FALSE(StorageKey::from_base64("not base64!"));
}

}  // namespace
}  // namespace muster::wire::tpm
