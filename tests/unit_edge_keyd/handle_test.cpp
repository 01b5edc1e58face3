#include "edge/keyd/handle.h"

#include <gtest/gtest.h>

namespace muster::edge::keyd {
namespace {

const Secret& validation_key() {
    static const Secret key(Bytes(32, 7));
    return key;
}

TEST(Handle, StandsForItsKey) {
    SystemRandom random;
    for (const auto& key :
         {KeyRef{KeyRef::Kind::key, "a/b: \"c\"", {}}, KeyRef{KeyRef::Kind::key_pair, "device-id", {}},
          KeyRef{KeyRef::Kind::derived, "master", {0, 1, 255}}}) {
        const auto handle = make_handle(key, validation_key(), random);
        EXPECT_TRUE(handle.starts_with("sr="));
        EXPECT_NE(handle.find("&sig="), std::string::npos);
        EXPECT_EQ(open_handle(handle, validation_key()).value(), key);
    }
}

TEST(Handle, NoTwoAreTheSame) {
    SystemRandom random;
    const KeyRef key{KeyRef::Kind::key, "k", {}};
    EXPECT_NE(make_handle(key, validation_key(), random), make_handle(key, validation_key(), random));
}

TEST(Handle, AForgedOneIsRefused) {
    SystemRandom random;
    const auto handle = make_handle({KeyRef::Kind::key, "k", {}}, validation_key(), random);
    EXPECT_FALSE(open_handle(handle, Secret(Bytes(32, 8))));
    for (std::size_t i = 0; i < handle.size(); ++i) {
        auto forged = handle;
        // 'A' and 'Q' differ in the bits that count even in the last character of a base64 text.
        forged[i] = forged[i] == 'A' ? 'Q' : 'A';
        EXPECT_FALSE(open_handle(forged, validation_key())) << i;
    }
    for (const auto* text : {"", "sr=", "sr=&sig=", "sr=%&sig=%", "sig=&sr=", "sr=e30%3D&sig=AAAA"})
        EXPECT_FALSE(open_handle(text, validation_key())) << text;
}

}  // namespace
}  // namespace muster::edge::keyd
