#include "base/bytes.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

std::string decoded(std::string_view text, bool skip_space = false) {
    const auto bytes = base64_decode(text, skip_space);
    return bytes ? std::string(as_text(*bytes)) : "(refused)";
}

// RFC 4648 section 10.
TEST(Base64, TestVectors) {
    const std::pair<std::string_view, std::string_view> vectors[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (const auto& [plain, encoded] : vectors) {
        EXPECT_EQ(base64_encode(as_bytes(plain)), encoded);
        EXPECT_EQ(decoded(encoded), plain);
    }
}

TEST(Base64, PaddingMayBeMissingButNotWrong) {
    EXPECT_EQ(decoded("Zg"), "f");
    EXPECT_EQ(decoded("Zm8"), "fo");
    EXPECT_EQ(decoded("Zg="), "(refused)");
    EXPECT_EQ(decoded("Zg==="), "(refused)");
    EXPECT_EQ(decoded("Z"), "(refused)");
    EXPECT_EQ(decoded("Zg==Zg=="), "(refused)");
}

TEST(Base64, SpaceOnlyWhereAllowed) {
    EXPECT_EQ(decoded("Zm9v\r\nYmFy\n", true), "foobar");
    EXPECT_EQ(decoded("Zm9v\nYmFy"), "(refused)");
    EXPECT_EQ(decoded("Zm9v*"), "(refused)");
}

TEST(Hex, BothWays) {
    const Bytes bytes{0x00, 0xab, 0xff};
    EXPECT_EQ(hex_encode(bytes), "00abff");
    EXPECT_EQ(hex_encode_upper(bytes), "00ABFF");
    EXPECT_EQ(hex_decode("00aBfF"), bytes);
    EXPECT_FALSE(hex_decode("0"));
    EXPECT_FALSE(hex_decode("0g"));
}

TEST(Percent, BothWays) {
    EXPECT_EQ(percent_encode("a b/ü~"), "a%20b%2F%C3%BC~");
    EXPECT_EQ(percent_decode("a%20b%2f+"), "a b/+");
    EXPECT_FALSE(percent_decode("%2"));
    EXPECT_FALSE(percent_decode("%zz"));
}

TEST(ConstantTime, ComparesWhole) {
    EXPECT_TRUE(equal_constant_time("abc", "abc"));
    EXPECT_FALSE(equal_constant_time("abc", "abd"));
    EXPECT_FALSE(equal_constant_time("abc", "ab"));
}

TEST(SecretBytes, MoveLeavesNothingBehind) {
    Secret first("hunter2");
    Secret second(std::move(first));
    EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): the point of the test
    EXPECT_EQ(second.text(), "hunter2");
    Secret third("other");
    third = std::move(second);
    EXPECT_EQ(third.text(), "hunter2");
    EXPECT_EQ(third.clone().text(), "hunter2");
    third.clear();
    EXPECT_TRUE(third.empty());
}

}  // namespace
}  // namespace muster
