// What is wrapped is taken out again. That real TPMs do the same is proven with swtpm (tests/integration_tpm).
#include <gmock/gmock.h>

#include "support/tpm_holder.h"
#include "wire/tpm/crypto.h"

namespace muster::wire::tpm {
namespace {

using namespace test;

class Activation : public ::testing::Test {
protected:
    SeededRandom random_{7};
    const Bytes key_ = Bytes(32, 0x5A);
};

TEST_F(Activation, RsaTakesItsKeyOut) {
    const auto endorsement = Holder::rsa(endorsement_attributes), storage = Holder::rsa(storage_attributes);
    const auto blob = make_activation_blob(endorsement.shown, storage.shown, key_, random_);
    ASSERT_TRUE(blob) << blob.error().chain();
    EXPECT_EQ(take_in(endorsement, storage, *blob), key_);
    const auto again = make_activation_blob(endorsement.shown, storage.shown, key_, random_);
    EXPECT_NE(*again, *blob);
    EXPECT_EQ(take_in(endorsement, storage, *again), key_);
}

TEST_F(Activation, EccTakesItsKeyOut) {
    for (const bool large : {false, true}) {
        const auto endorsement = Holder::ecc(endorsement_attributes, large),
                   storage = Holder::ecc(storage_attributes, large);
        const auto blob = make_activation_blob(endorsement.shown, storage.shown, key_, random_);
        ASSERT_TRUE(blob) << blob.error().chain();
        EXPECT_EQ(take_in(endorsement, storage, *blob), key_);
    }
}

TEST_F(Activation, MixedKindsTakeTheirKeyOut) {
    const auto endorsement = Holder::rsa(endorsement_attributes);
    const auto storage = Holder::ecc(storage_attributes, false);
    const auto blob = make_activation_blob(endorsement.shown, storage.shown, Bytes(64, 1), random_);
    ASSERT_TRUE(blob);
    EXPECT_EQ(take_in(endorsement, storage, *blob), Bytes(64, 1));
}

TEST_F(Activation, ACredentialIsBoundToTheNameOfItsObject) {
    const auto endorsement = Holder::rsa(endorsement_attributes), storage = Holder::rsa(storage_attributes);
    const auto made = make_credential(endorsement.shown, storage.shown.name(), key_, random_);
    ASSERT_TRUE(made);
    const auto seed = endorsement.seed(made->encrypted_secret, "IDENTITY");
    EXPECT_TRUE(endorsement.open(made->id_object, seed, storage.shown.name()));
    EXPECT_FALSE(endorsement.open(made->id_object, seed, endorsement.shown.name()));
}

TEST_F(Activation, RefusesKeysThatNoTpmTakes) {
    const auto holder = Holder::ecc(storage_attributes, false);
    EXPECT_FALSE(make_activation_blob(holder.shown, holder.shown, Bytes(), random_));
    EXPECT_FALSE(make_activation_blob(holder.shown, holder.shown, Bytes(65), random_));
    EXPECT_FALSE(make_credential(holder.shown, holder.shown.name(), Bytes(33), random_));
}

TEST_F(Activation, EveryCutOfABlobIsRefused) {
    const auto holder = Holder::ecc(storage_attributes, false);
    const auto blob = make_activation_blob(holder.shown, holder.shown, key_, random_);
    ASSERT_TRUE(blob);
    // The last two bytes are of a part that is not looked at.
    for (std::size_t size = 0; size < blob->size() - 2; ++size)
        EXPECT_FALSE(ActivationBlob::split(ByteView(*blob).first(size))) << size;
    EXPECT_TRUE(ActivationBlob::split(ByteView(*blob).first(blob->size() - 2)));
}

TEST(Derivation, IsLongEnoughAndDependsOnAllOfItsInputs) {
    const Bytes key(32, 1), context(34, 2);
    const auto a = kdfa(algorithm::sha256, key, "STORAGE", context, 128);
    EXPECT_EQ(a.size(), 16U);
    const auto b = kdfa(algorithm::sha256, key, "STORAGE", context, 512);
    EXPECT_EQ(b.size(), 64U);
    EXPECT_NE(hex_encode(a.bytes()), hex_encode(b.bytes().first(16)));  // the length is among the inputs
    EXPECT_NE(hex_encode(a.bytes()), hex_encode(kdfa(algorithm::sha256, key, "INTEGRITY", context, 128).bytes()));
    EXPECT_NE(hex_encode(a.bytes()), hex_encode(kdfa(algorithm::sha256, key, "STORAGE", {}, 128).bytes()));
}

}  // namespace
}  // namespace muster::wire::tpm
