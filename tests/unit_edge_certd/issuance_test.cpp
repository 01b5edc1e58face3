#include "edge/certd/issuance.h"

#include <gtest/gtest.h>
#include <openssl/x509v3.h>

#include "device.h"

namespace muster::edge::certd {
namespace {

using edge::testing::make_identity;

const std::vector<std::pair<std::string, std::string>> authority_extensions{
    {"basicConstraints", "critical,CA:TRUE,pathlen:0"}, {"keyUsage", "critical,digitalSignature,keyCertSign"}};

class Issuance : public ::testing::Test {
protected:
    pki::Csr request(const std::vector<std::pair<std::string, std::string>>& extensions = {}) const {
        return pki::Csr::create(key, {{"O", "Plant"}, {"CN", "subject"}}, extensions).value();
    }
    IssueOptions options() const { return {std::nullopt, 30, SystemClock().now()}; }
    pki::PrivateKey key = pki::PrivateKey::generate({}).value();
    SystemRandom random;
};

TEST_F(Issuance, SelfSignedIsAnAuthorityWhenAskedFor) {
    const auto made = issue_from_request(request(authority_extensions), options(), {std::nullopt, key}, random).value();
    EXPECT_TRUE(made.is_ca());
    EXPECT_EQ(made.path_length(), 0);
    EXPECT_TRUE(made.is_self_issued());
    EXPECT_EQ(made.version(), 3);
    EXPECT_EQ(made.subject_key_id(), made.authority_key_id());
    EXPECT_LT(made.not_before(), SystemClock().now() - std::chrono::minutes(4));
    EXPECT_GT(made.not_after(), SystemClock().now() + std::chrono::days(29));
    EXPECT_EQ(X509_verify(made.get(), key.get()), 1);
}

TEST_F(Issuance, SerialsAreRandomAndLong) {
    const auto one = issue_from_request(request(), options(), {std::nullopt, key}, random).value();
    const auto two = issue_from_request(request(), options(), {std::nullopt, key}, random).value();
    EXPECT_NE(one.serial_hex(), two.serial_hex());
    EXPECT_EQ(one.serial_hex().size(), 32U);
}

TEST_F(Issuance, BasicConstraintsAreThereEvenWhenNotAskedFor) {
    const auto made = issue_from_request(request(), options(), {std::nullopt, key}, random).value();
    EXPECT_FALSE(made.is_ca());
    EXPECT_GE(X509_get_ext_by_NID(made.get(), NID_basic_constraints, -1), 0);
}

TEST_F(Issuance, TheSettingsMayGiveTheSubject) {
    auto with_subject = options();
    with_subject.subject = pki::Subject{{"CN", "other"}};
    EXPECT_EQ(issue_from_request(request(), with_subject, {std::nullopt, key}, random)->subject(), "CN=other");
    with_subject.subject = pki::Subject{{"nonsense", "other"}};
    EXPECT_FALSE(issue_from_request(request(), with_subject, {std::nullopt, key}, random));
}

TEST_F(Issuance, AnIssuerSignsAndItsEndIsTheEnd) {
    const auto issuer = make_identity("CA", {}, nullptr, true);
    auto long_lived = options();
    long_lived.expiry_days = 3650;
    const auto made =
        issue_from_request(request({{"extendedKeyUsage", "serverAuth"}, {"subjectAltName", "DNS:gateway,IP:10.0.0.1"}}),
                           long_lived, {issuer.certificate, issuer.key}, random)
            .value();
    EXPECT_EQ(made.issuer(), "CN=CA");
    EXPECT_EQ(made.not_after(), issuer.certificate.not_after());
    EXPECT_EQ(made.authority_key_id(), issuer.certificate.subject_key_id());
    EXPECT_EQ(made.dns_names(), std::vector<std::string>{"gateway"});
    EXPECT_EQ(X509_verify(made.get(), issuer.key.get()), 1);
}

TEST_F(Issuance, WhatIsNotAnAuthorityIssuesNothing) {
    const auto leaf = make_identity("leaf", {}, nullptr, false);
    const auto refused = issue_from_request(request(), options(), {leaf.certificate, leaf.key}, random);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("not a certification authority"), std::string::npos);
}

TEST_F(Issuance, APathLengthOfZeroIssuesNoAuthority) {
    const auto issuer =
        issue_from_request(request(authority_extensions), options(), {std::nullopt, key}, random).value();
    const auto refused = issue_from_request(request(authority_extensions), options(), {issuer, key}, random);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("path length"), std::string::npos);
    EXPECT_TRUE(issue_from_request(request(), options(), {issuer, key}, random));
}

TEST_F(Issuance, KeysMustFit) {
    const auto other = pki::PrivateKey::generate({}).value();
    EXPECT_FALSE(issue_from_request(request(), options(), {std::nullopt, other}, random));
    const auto issuer = make_identity("CA", {}, nullptr, true);
    EXPECT_FALSE(issue_from_request(request(), options(), {issuer.certificate, other}, random));
}

TEST_F(Issuance, ARequestThatItsKeyDidNotSignIsRefused) {
    auto der = request().der();
    der.back() ^= 1;
    const auto forged = pki::Csr::from_der(der);
    if (!forged) return;
    EXPECT_FALSE(issue_from_request(*forged, options(), {std::nullopt, key}, random));
}

}  // namespace
}  // namespace muster::edge::certd
