#include "base/text.h"

#include <gmock/gmock.h>

namespace muster {
namespace {

using ::testing::ElementsAre;

TEST(Text, CaseIsAsciiOnly) {
    EXPECT_EQ(to_lower("AbC-1Ü"), "abc-1Ü");
    EXPECT_EQ(to_upper("abc"), "ABC");
    EXPECT_TRUE(equals_ignore_case("Device-1", "dEVICE-1"));
    EXPECT_FALSE(equals_ignore_case("a", "ab"));
    EXPECT_TRUE(starts_with_ignore_case("HostName=x", "hostname="));
}

TEST(Text, SplitKeepsEmptyParts) {
    EXPECT_THAT(split("a,b,,c", ','), ElementsAre("a", "b", "", "c"));
    EXPECT_THAT(split("", ','), ElementsAre(""));
    EXPECT_EQ(join({"a", "b"}, ", "), "a, b");
}

TEST(Text, TrimTakesWhiteSpaceOffBothEnds) {
    EXPECT_EQ(trim(" \ta b\r\n"), "a b");
    EXPECT_EQ(trim(" \n"), "");
}

TEST(Text, IntegersAreWholeOrNothing) {
    EXPECT_EQ(parse_integer<int>("-12"), -12);
    EXPECT_FALSE(parse_integer<int>("12 "));
    EXPECT_FALSE(parse_integer<int>(""));
    EXPECT_FALSE(parse_integer<int>("+1"));
    EXPECT_FALSE(parse_integer<std::uint8_t>("256"));
}

TEST(Text, NearestKnowsASlipFromAnotherWord) {
    const std::vector<std::string> names{"identity_cert", "identity_pk", "registration_id"};
    EXPECT_EQ(nearest("identity_cer", names), "identity_cert");
    EXPECT_EQ(nearest("registrationId", names), "registration_id");
    EXPECT_FALSE(nearest("watchdog", names));
    EXPECT_FALSE(nearest("x", {}));
}

TEST(Text, PrintableIsOneLine) {
    EXPECT_EQ(printable("a\nb\x1b"), "a\\x0ab\\x1b");
    EXPECT_EQ(printable("abcdef", 3), "abc...");
}

TEST(Text, AsUtf8KeepsCharactersAndShowsWhatIsNone) {
    EXPECT_EQ(as_utf8("Größe € 𝄞"), "Größe € 𝄞");
    EXPECT_EQ(as_utf8("a\xff\xfe"), "a\\xff\\xfe");
    EXPECT_EQ(as_utf8("cut \xe2\x82"), "cut \\xe2\\x82");
    EXPECT_EQ(as_utf8("\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80"), "\\xc0\\xaf\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80");
}

TEST(Text, PrintableIsAlwaysText) {
    EXPECT_EQ(printable("a\xff\x01"), "a\\xff\\x01");
    EXPECT_EQ(printable("€€", 4), as_utf8(printable("€€", 4)));
}

}  // namespace
}  // namespace muster
