// PKCS #11 URIs: what RFC 7512 says, and p11-kit as a second opinion.
#include "edge/pkcs11/uri.h"

#include <gmock/gmock.h>
#include <p11-kit/uri.h>

#include <fstream>

namespace muster::edge::pkcs11 {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Uri, SelectsTokenAndObject) {
    const auto uri =
        Uri::parse("pkcs11:token=edge%20box;object=device-id;id=%01%00%ff;slot-id=3?pin-value=12%2634").value();
    EXPECT_EQ(uri.token, "edge box");
    EXPECT_EQ(uri.object, "device-id");
    EXPECT_EQ(uri.id, (Bytes{1, 0, 255}));
    EXPECT_EQ(uri.slot_id, 3U);
    EXPECT_EQ(uri.pin_value->text(), "12&34");
    EXPECT_TRUE(uri.names_object());
    EXPECT_EQ(uri.pin().value()->text(), "12&34");
}

TEST(Uri, WhatIsAbsentMatchesEverything) {
    const auto uri = Uri::parse("PKCS11:").value();
    EXPECT_FALSE(uri.token || uri.serial || uri.object || uri.id || uri.slot_id);
    EXPECT_FALSE(uri.names_object());
    EXPECT_FALSE(uri.pin().value());
    EXPECT_EQ(uri.text(), "any token");
}

TEST(Uri, TheExamplesOfTheRfc) {
    for (const auto* text :
         {"pkcs11:", "pkcs11:object=my-pubkey;type=public",
          "pkcs11:object=my-key;type=private?pin-source=file:/etc/token",
          "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;"
          "object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial=?pin-source=file:/etc/token_pin",
          "pkcs11:object=my-sign-key;type=private?module-path=/mnt/libmypkcs11.so.1",
          "pkcs11:library-manufacturer=Snake%20Oil,%20Inc.;library-description=Soft%20Token%20Library;"
          "library-version=1.23",
          "pkcs11:slot-description=Sun%20Metaslot", "pkcs11:slot-id=327", "pkcs11:token=my%3Btoken"})
        EXPECT_TRUE(Uri::parse(text)) << text << ": " << Uri::parse(text).error().chain();
}

struct Wrong {
    const char* text;
    const char* message;
};
class WrongUri : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongUri, SaysWhatIsWrong) {
    const auto uri = Uri::parse(GetParam().text);
    ASSERT_FALSE(uri);
    EXPECT_THAT(uri.error().message() + " " + uri.error().hint(), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Uris, WrongUri,
    ::testing::Values(
        Wrong{"file:///x", "does not begin with"}, Wrong{"pkcs11:tokn=a", "did you mean token?"},
        Wrong{"pkcs11:token=a;token=b", "has token twice"}, Wrong{"pkcs11:token", "without \"=\""},
        Wrong{"pkcs11:token=a;;object=b", "empty attribute"}, Wrong{"pkcs11:token=a b", "%20"},
        Wrong{"pkcs11:token=%zz", "broken percent escape in token"}, Wrong{"pkcs11:token=a%00b", "NUL in token"},
        Wrong{"pkcs11:slot-id=x", "is no number"}, Wrong{"pkcs11:type=privat", "unknown type"},
        Wrong{"pkcs11:library-version=1.2.3", "library-version"}, Wrong{"pkcs11:pin-value=1", "belongs after"},
        Wrong{"pkcs11:?token=a", "belongs before"}, Wrong{"pkcs11:?pin-source=pin", "absolute path"},
        Wrong{"pkcs11:?pin-source=|cat%20/x", "absolute path"}, Wrong{"pkcs11:?pin-value=1&pin-source=/x", "both"},
        Wrong{"pkcs11:token=a#b", "%23"}, Wrong{"pkcs11:?module-name=softhsm", "pkcs11_lib_path"}));

TEST(Uri, NoErrorAndNoTextQuotesAPin) {
    for (const auto* text :
         {"pkcs11:token=a?pin-value=hush 1", "pkcs11:token=a?pin-value=hush%zz", "pkcs11:token=a?pin-value=x&hush",
          "pkcs11:token=a?pin-value=hush&pin-value=hush", "pkcs11:token=a?pin-value=hush%00"}) {
        const auto uri = Uri::parse(text);
        ASSERT_FALSE(uri) << text;
        EXPECT_THAT(uri.error().chain() + uri.error().hint(), Not(HasSubstr("hush")));
    }
    EXPECT_EQ(Uri::parse("pkcs11:token=a;object=b?pin-value=hush")->text(), "token=a;object=b");
}

TEST(Uri, ThePinMayStandInAFile) {
    const std::string file = ::testing::TempDir() + "muster-pin";
    std::ofstream(file) << "12 34\n";
    EXPECT_EQ(Uri::parse("pkcs11:?pin-source=" + file)->pin().value()->text(), "12 34");
    EXPECT_EQ(Uri::parse("pkcs11:?pin-source=file:" + file)->pin().value()->text(), "12 34");
    EXPECT_EQ(Uri::parse("pkcs11:?pin-source=file://" + file)->pin().value()->text(), "12 34");
    std::ofstream(file) << "\n";
    EXPECT_THAT(Uri::parse("pkcs11:?pin-source=" + file)->pin().error().chain(), HasSubstr("is empty"));
    std::filesystem::remove(file);
    const auto gone = Uri::parse("pkcs11:?pin-source=" + file)->pin();
    ASSERT_FALSE(gone);
    EXPECT_THAT(gone.error().chain(), HasSubstr(file));
    EXPECT_THAT(gone.error().hint(), HasSubstr("aziotks"));
}

std::string text_of(const CK_ATTRIBUTE* attribute) {
    if (attribute == nullptr) return "(none)";
    return std::string(static_cast<const char*>(attribute->pValue), attribute->ulValueLen);
}

// p11-kit is more lenient; what both take, both must understand alike.
TEST(Uri, P11KitUnderstandsTheSame) {
    for (const std::string text :
         {"pkcs11:token=edge;object=device-id?pin-value=1234", "pkcs11:token=a%3Bb;object=%C3%A9;id=%00%01",
          "pkcs11:serial=0;slot-id=77", "pkcs11:object=x(y)'z!*,+:@$[];token=?pin-value=/?:|",
          "pkcs11:id=abc;object=100%25?pin-value=%3f%26"}) {
        P11KitUri* const theirs = p11_kit_uri_new();
        ASSERT_EQ(p11_kit_uri_parse(text.c_str(), P11_KIT_URI_FOR_ANY, theirs), P11_KIT_URI_OK) << text;
        const auto ours = Uri::parse(text);
        ASSERT_TRUE(ours) << text << ": " << ours.error().chain();
        const auto* const object = p11_kit_uri_get_attribute(theirs, CKA_LABEL);
        const auto* const id = p11_kit_uri_get_attribute(theirs, CKA_ID);
        EXPECT_EQ(ours->object.value_or("(none)"), text_of(object)) << text;
        EXPECT_EQ(ours->id ? std::string(as_text(*ours->id)) : "(none)", text_of(id)) << text;
        const auto* const pin = p11_kit_uri_get_pin_value(theirs);
        EXPECT_EQ(ours->pin_value ? std::string(ours->pin_value->text()) : "", pin != nullptr ? pin : "") << text;
        if (ours->slot_id) EXPECT_EQ(*ours->slot_id, p11_kit_uri_get_slot_id(theirs));
        const auto* const token = p11_kit_uri_get_token_info(theirs);
        if (ours->token && !ours->token->empty())
            EXPECT_EQ(std::string(reinterpret_cast<const char*>(token->label), ours->token->size()), *ours->token);
        p11_kit_uri_free(theirs);
    }
}

}  // namespace
}  // namespace muster::edge::pkcs11
