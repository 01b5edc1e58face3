#include "pki/crl.h"

#include <gmock/gmock.h>

#include "pki/csr_view.h"

namespace muster::pki {
namespace {

using ::testing::HasSubstr;

class CrlTest : public ::testing::Test {
protected:
    struct Ca {
        Certificate certificate;
        PrivateKey key;
    };
    Ca authority(const std::string& name, std::optional<std::string> key_usage = std::nullopt,
                 const KeySpec& spec = {}) {
        auto key = *PrivateKey::generate(spec);
        IssueRequest request{.profile = Profile::root_ca,
                             .common_name = name,
                             .not_before = now_ - std::chrono::hours(1),
                             .not_after = now_ + std::chrono::days(30)};
        request.key_usage = std::move(key_usage);
        auto certificate = issue(request, *key.public_key(), nullptr, &key, random_);
        return {*certificate, std::move(key)};
    }
    Bytes make(const Ca& by, std::vector<Revocation> entries) const {
        const auto der = make_crl({.entries = std::move(entries),
                                   .number = 7,
                                   .this_update = now_,
                                   .next_update = now_ + std::chrono::days(7)},
                                  {by.certificate, by.key});
        EXPECT_TRUE(der) << der.error().chain();
        return der.value_or(Bytes());
    }

    SeededRandom random_{3};
    TimePoint now_ = *parse_utc("2026-11-26T10:00:00Z");
};

TEST_F(CrlTest, IsReadAsItWasMade) {
    for (const auto& spec : {KeySpec{}, KeySpec{KeyAlgorithm::ec, 384}, KeySpec{KeyAlgorithm::rsa, 2048}}) {
        const auto ca = authority("CA", std::nullopt, spec);
        const auto der = make(ca, {{"0A01", now_ - std::chrono::hours(3), RevocationReason::key_compromise},
                                   {"7FFF00112233", now_, RevocationReason::unspecified}});
        const auto list = RevocationList::from_der(der);
        ASSERT_TRUE(list) << list.error().chain();
        EXPECT_EQ(list->size(), 2u);
        EXPECT_EQ(list->issuer(), "CN=CA");
        EXPECT_EQ(list->this_update(), now_);
        EXPECT_EQ(list->next_update(), now_ + std::chrono::days(7));
        const auto entry = list->find("0A01");
        ASSERT_TRUE(entry);
        EXPECT_EQ(entry->time, now_ - std::chrono::hours(3));
        EXPECT_EQ(entry->reason, RevocationReason::key_compromise);
        EXPECT_EQ(list->find("7FFF00112233")->reason, RevocationReason::unspecified);
        EXPECT_FALSE(list->find("0A02"));
        EXPECT_TRUE(list->check_signed_by(ca.certificate));
    }
}

TEST_F(CrlTest, FindsEachOfManyAndOfDoublesTheLast) {
    const auto ca = authority("CA");
    std::vector<Revocation> entries;
    for (int i = 1; i <= 500; ++i) entries.push_back({fmt::format("{:04X}", i * 77 % 65'521), now_});
    entries.push_back({"4D", now_, RevocationReason::superseded});
    entries.push_back({"004D", now_, RevocationReason::key_compromise});
    entries.push_back({"0102030405060708090A0B0C0D0E0F1011121314", now_, RevocationReason::superseded});
    const auto list = RevocationList::from_der(make(ca, std::move(entries)));
    ASSERT_TRUE(list) << list.error().chain();
    EXPECT_EQ(list->size(), 501u);
    for (int i = 2; i <= 500; ++i) {
        auto serial = fmt::format("{:X}", i * 77 % 65'521);
        if (serial.size() % 2 != 0) serial.insert(0, "0");
        EXPECT_TRUE(list->find(serial)) << serial;
    }
    ASSERT_TRUE(list->find("4D"));
    EXPECT_EQ(list->find("0102030405060708090A0B0C0D0E0F1011121314")->reason, RevocationReason::superseded);
    for (const auto* none : {"", "4E", "-4D", "4D4E", "no serial", "4"}) EXPECT_FALSE(list->find(none)) << none;
}

TEST_F(CrlTest, ComesAsPemDerOrBase64) {
    const auto der = make(authority("CA"), {});
    const auto base64 = base64_encode(der);
    const auto pem = "-----BEGIN X509 CRL-----\n" + base64 + "\n-----END X509 CRL-----\n";
    for (const auto& text : {std::string(as_text(der)), base64, pem, base64_encode(as_bytes(pem))}) {
        const auto list = RevocationList::from_any(text);
        ASSERT_TRUE(list) << list.error().chain();
        EXPECT_EQ(list->der(), der);
    }
    EXPECT_THAT(RevocationList::from_any("no list").error().chain(), HasSubstr("not a revocation list"));
    auto longer = der;
    longer.push_back(0);
    EXPECT_THAT(RevocationList::from_der(longer).error().chain(), HasSubstr("bytes follow"));
}

TEST_F(CrlTest, IsSignedByItsIssuerAlone) {
    const auto ca = authority("CA");
    const auto der = make(ca, {});
    const auto list = *RevocationList::from_der(der);
    EXPECT_THAT(list.check_signed_by(authority("Other").certificate).error().chain(),
                HasSubstr("was issued by 'CN=CA', not by 'CN=Other'"));
    EXPECT_THAT(list.check_signed_by(authority("CA").certificate).error().chain(),
                HasSubstr("is not signed with the key of 'CN=CA'"));
    auto forged = der;
    forged.back() ^= 1;
    EXPECT_FALSE(RevocationList::from_der(forged)->check_signed_by(ca.certificate));
    const auto unable = authority("CA", "keyCertSign");
    const auto by_unable = *RevocationList::from_der(make(unable, {}));
    EXPECT_THAT(by_unable.check_signed_by(unable.certificate).error().chain(), HasSubstr("does not allow it"));
}

TEST_F(CrlTest, ReasonsHaveTheWordsOfTheRfc) {
    EXPECT_EQ(*parse_revocation_reason("KEYCOMPROMISE"), RevocationReason::key_compromise);
    EXPECT_EQ(to_string(RevocationReason::ca_compromise), "cACompromise");
    EXPECT_THAT(parse_revocation_reason("because").error().chain(), HasSubstr("one of unspecified, keyCompromise"));
}

TEST_F(CrlTest, ASubjectIsTakenAsItIsAndTheListIsNamed) {
    const auto ca = authority("CA");
    const auto key = *PrivateKey::generate({});
    const auto csr = *Csr::create(key, {{"C", "NO"}, {"O", "Plant, 3"}, {"CN", "dev-1"}},
                                  {{"basicConstraints", "critical,CA:TRUE"}});
    EXPECT_TRUE(asks_for_authority(csr));
    EXPECT_EQ(common_name_count(csr), 1);
    const Issuer issuer{ca.certificate, ca.key};
    const auto certificate = issue({.common_name = "dev-1",
                                    .subject_der = subject_der(csr),
                                    .crl_url = "http://ca.example/crl/a,b.crl",
                                    .not_before = now_,
                                    .not_after = now_ + std::chrono::days(1)},
                                   *key.public_key(), &issuer, nullptr, random_);
    ASSERT_TRUE(certificate) << certificate.error().chain();
    EXPECT_EQ(certificate->subject(), "CN=dev-1,O=Plant\\, 3,C=NO");
    EXPECT_FALSE(certificate->is_ca());
    EXPECT_THAT(std::string(as_text(certificate->der())), HasSubstr("http://ca.example/crl/a,b.crl"));
}

}  // namespace
}  // namespace muster::pki
