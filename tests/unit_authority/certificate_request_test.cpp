#include "authority/certificate_request.h"

#include <gmock/gmock.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "authority/csr_attributes.h"
#include "pki/issue.h"

namespace muster::authority {
namespace {

using ::testing::HasSubstr;

std::string request(const pki::PrivateKey& key, const pki::Subject& subject,
                    const std::vector<std::pair<std::string, std::string>>& extensions = {}) {
    return base64_encode(pki::Csr::create(key, subject, extensions)->der());
}

std::string refusal(const std::string& text) {
    const auto read = read_certificate_request(text);
    return read ? "(taken)" : read.error().chain();
}

TEST(CertificateRequest, IsReadFromBase64WithWhiteSpaceAndFromPem) {
    const auto key = *pki::PrivateKey::generate({});
    const auto csr = *pki::Csr::create(key, {{"O", "Plant"}, {"CN", "dev-1"}});
    auto wrapped = base64_encode(csr.der());
    wrapped.insert(64, "\r\n");
    for (const auto& text : {wrapped, csr.pem(), "\n" + base64_encode(csr.der()) + "\n\n"}) {
        const auto read = read_certificate_request(text);
        ASSERT_TRUE(read) << read.error().chain();
        EXPECT_EQ(read->common_name, "dev-1");
        EXPECT_EQ(read->key, *key.public_key());
    }
}

TEST(CertificateRequest, OtherBytesAreRefusedWithWhatIsWrong) {
    EXPECT_THAT(refusal(""), HasSubstr("neither base64"));
    EXPECT_THAT(refusal("not base64!"), HasSubstr("neither base64"));
    EXPECT_THAT(refusal(base64_encode(as_bytes("not DER"))), HasSubstr("not a PKCS#10 request"));
    EXPECT_THAT(refusal(std::string(20'000, 'A')), HasSubstr("at most"));
}

TEST(CertificateRequest, WeakKeysAreRefusedWithTheReason) {
    const pki::PrivateKey rsa(pki::EvpKey(EVP_RSA_gen(1024)));
    EXPECT_THAT(refusal(request(rsa, {{"CN", "dev-1"}})), HasSubstr("RSA key of 1024 bits; 2048 are needed"));
    const pki::PrivateKey curve(pki::EvpKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "secp256k1")));
    EXPECT_THAT(refusal(request(curve, {{"CN", "dev-1"}})), HasSubstr("curve secp256k1"));
}

TEST(CsrAttributes, AreTheDerOfTheRfc) {
    EXPECT_EQ(hex_encode(csr_attributes({pki::KeyAlgorithm::ec, 256})),
              "30173015"
              "06072a8648ce3d0201"
              "310a"
              "06082a8648ce3d030107");
    EXPECT_EQ(hex_encode(csr_attributes({pki::KeyAlgorithm::ec, 384})),
              "30143012"
              "06072a8648ce3d0201"
              "3107"
              "06052b81040022");
    EXPECT_EQ(hex_encode(csr_attributes({pki::KeyAlgorithm::rsa, 3072})),
              "30133011"
              "06092a864886f70d010101"
              "3104"
              "02020c00");
}

TEST(CertificateRequest, MustBeSignedWithItsOwnKey) {
    auto der = pki::Csr::create(*pki::PrivateKey::generate({}), {{"CN", "dev-1"}})->der();
    der.back() ^= 1;
    EXPECT_THAT(refusal(base64_encode(der)), HasSubstr("not signed with its own key"));
}

TEST(CertificateRequest, HasOneCommonName) {
    const auto key = *pki::PrivateKey::generate({});
    EXPECT_THAT(refusal(request(key, {{"O", "Plant"}})), HasSubstr("one common name, not 0"));
    EXPECT_THAT(refusal(request(key, {{"CN", "dev-1"}, {"CN", "dev-2"}})), HasSubstr("one common name, not 2"));
}

TEST(CertificateRequest, DoesNotBecomeAnAuthority) {
    const auto key = *pki::PrivateKey::generate({});
    EXPECT_THAT(refusal(request(key, {{"CN", "dev-1"}}, {{"basicConstraints", "critical,CA:TRUE"}})),
                HasSubstr("asks for a CA certificate"));
    EXPECT_TRUE(read_certificate_request(request(key, {{"CN", "dev-1"}}, {{"basicConstraints", "CA:FALSE"}})));
    const auto edge_ca = read_certificate_request(
        request(key, {{"CN", "dev-1"}}, {{"basicConstraints", "critical,CA:TRUE"}}), Wanted::device_or_edge_ca);
    ASSERT_TRUE(edge_ca) << edge_ca.error().chain();
    EXPECT_TRUE(edge_ca->for_edge_ca);
}

}  // namespace
}  // namespace muster::authority
