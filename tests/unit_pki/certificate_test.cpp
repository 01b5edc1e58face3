#include "pki/certificate.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <thread>

#include "lab.h"

namespace muster::pki {
namespace {

Certificate one(const char* text) {
    return lab::make(text).begin()->second.certificate;
}

TEST(Certificate, SaysWhatItHolds) {
    const auto made = lab::make("root cn=Plant_Root pathlen=2 | dev<root dns=a.example dns=b.example ip=10.0.0.1");
    const Certificate& root = made.at("root").certificate;
    const Certificate& dev = made.at("dev").certificate;
    EXPECT_EQ(root.subject(), "CN=Plant Root");
    EXPECT_EQ(dev.issuer(), "CN=Plant Root");
    EXPECT_EQ(dev.common_name(), "dev");
    EXPECT_EQ(dev.version(), 3);
    EXPECT_EQ(dev.not_before(), lab::now() - std::chrono::days(30));
    EXPECT_EQ(dev.not_after(), lab::now() + std::chrono::days(365));
    EXPECT_TRUE(root.is_ca());
    EXPECT_FALSE(dev.is_ca());
    EXPECT_EQ(root.path_length(), 2);
    EXPECT_EQ(dev.path_length(), std::nullopt);
    EXPECT_TRUE(root.is_self_issued());
    EXPECT_FALSE(dev.is_self_issued());
    EXPECT_EQ(dev.issuer_der(), root.subject_der());
    EXPECT_EQ(dev.authority_key_id(), root.subject_key_id());
    EXPECT_EQ(root.subject_key_id().size(), 20U);
    EXPECT_EQ(dev.dns_names(), (std::vector<std::string>{"a.example", "b.example"}));
    EXPECT_EQ(*dev.public_key(), *made.at("dev").key->public_key());
}

TEST(Certificate, ThumbprintsAreUpperCaseDigestsOfTheDer) {
    const Certificate dev = one("dev client");
    EXPECT_EQ(dev.sha256_thumbprint(), hex_encode_upper(sha256(dev.der())));
    EXPECT_EQ(dev.sha1_thumbprint().size(), 40U);
    EXPECT_EQ(hex_encode_upper(dev.sha256_fingerprint()), dev.sha256_thumbprint());
}

TEST(Certificate, MostSpecificNameCountsAndOneWithNulDoesNot) {
    // The lab makes one CN; two of them, and one with a NUL, come as DER: SEQUENCE { SET { SEQUENCE { OID, UTF8String }
    // } }.
    Bytes der = one("dev client cn=abcdef").der();
    const std::string_view name = "abcdef";
    for (auto at = std::search(der.begin(), der.end(), name.begin(), name.end()); at != der.end();
         at = std::search(at, der.end(), name.begin(), name.end())) {
        at[3] = 0;
    }
    const auto with_nul = Certificate::from_der(der);
    ASSERT_TRUE(with_nul);
    EXPECT_EQ(with_nul->common_name(), "");
    EXPECT_EQ(with_nul->subject(), "CN=abc\\00ef");
}

TEST(Certificate, ReadsEveryFormOfEnrollmentBodies) {
    const Certificate dev = one("dev client");
    const std::string der(as_text(dev.der()));
    for (const std::string& text : {dev.pem(), der, base64_encode(dev.der()), base64_encode(as_bytes(dev.pem())),
                                    "  " + base64_encode(dev.der()) + "\r\n", "text before\n" + dev.pem() + "after"}) {
        const auto read = Certificate::from_any(text);
        ASSERT_TRUE(read) << text;
        EXPECT_EQ(read->der(), dev.der());
    }
}

TEST(Certificate, RefusesWhatIsNone) {
    const Certificate dev = one("dev client");
    Bytes longer = dev.der();
    longer.push_back(0);
    EXPECT_FALSE(Certificate::from_der(longer));
    EXPECT_FALSE(Certificate::from_der(ByteView(dev.der()).first(100)));
    EXPECT_EQ(Certificate::from_der(Bytes(100'000, 0x30)).error().code(), Errc::too_large);
    for (const char* text :
         {"", "x", "0", "-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----",
          "MIIB", "{\"certificate\":1}"}) {
        EXPECT_FALSE(Certificate::from_any(text)) << text;
    }
    EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(Certificate, OfATlsPeerIsSharedNotParsed) {
    const Certificate dev = one("dev client");
    const Certificate again = Certificate::from_x509(dev.get());
    EXPECT_EQ(again.get(), dev.get());
    EXPECT_EQ(again.der(), dev.der());
}

TEST(Certificate, WorksItsPartsOutOnceWhicheverThreadAsks) {
    for (int round = 0; round < 20; ++round) {
        const Certificate dev = *Certificate::from_der(one("dev client").der());
        std::vector<std::jthread> readers;
        for (int i = 0; i < 4; ++i) {
            readers.emplace_back([&dev] {
                EXPECT_EQ(dev.common_name(), "dev");
                EXPECT_EQ(dev.sha256_fingerprint().size(), 32U);
                EXPECT_FALSE(dev.is_ca());
                EXPECT_GT(dev.not_after(), dev.not_before());
            });
        }
    }
}

TEST(Chain, KeepsTheOrderAndSkipsOtherBlocks) {
    const auto made = lab::make("root | plant<root ca | dev<plant");
    const CertificateChain chain = lab::pick(made, "dev plant root");
    const std::string text = "comment\n" + std::string(made.at("dev").key->to_pem()->text()) + to_pem(chain);
    const auto read = parse_chain(text);
    ASSERT_TRUE(read);
    ASSERT_EQ(read->size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ((*read)[i].der(), chain[i].der());
}

TEST(Chain, NamesTheBrokenBlock) {
    const std::string good = one("dev client").pem();
    const auto broken = parse_chain(good + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    ASSERT_FALSE(broken);
    EXPECT_NE(broken.error().chain().find("certificate 2 of the text"), std::string::npos) << broken.error().chain();
    EXPECT_FALSE(parse_chain(""));
    EXPECT_FALSE(parse_chain(good + "-----BEGIN CERTIFICATE-----\nAAAA\n"));
}

}  // namespace
}  // namespace muster::pki
