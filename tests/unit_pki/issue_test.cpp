#include "pki/issue.h"

#include <gtest/gtest.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#include "lab.h"
#include "pki/path.h"

namespace muster::pki {
namespace {

class Issue : public testing::Test {
protected:
    static IssueRequest request(Profile profile, std::string name) {
        IssueRequest out;
        out.profile = profile;
        out.common_name = std::move(name);
        out.not_before = lab::now();
        out.not_after = lab::now() + std::chrono::days(30);
        return out;
    }
    Result<Certificate> self_signed(const IssueRequest& what) {
        return issue(what, *key_.public_key(), nullptr, &key_, random_);
    }

    const PrivateKey key_ = *PrivateKey::generate({});
    SystemRandom random_;
};

TEST_F(Issue, SerialsAre128RandomBitsAndPositive) {
    std::set<std::string> seen;
    for (int i = 0; i < 50; ++i) {
        const std::string serial = self_signed(request(Profile::client, "dev"))->serial_hex();
        EXPECT_EQ(serial.size(), 32U);
        EXPECT_TRUE(seen.insert(serial).second);
    }
}

TEST_F(Issue, EndsWithItsIssuer) {
    const Certificate root = *self_signed(request(Profile::root_ca, "root"));
    IssueRequest longer = request(Profile::client, "dev");
    longer.not_after += std::chrono::days(1000);
    const Issuer issuer{root, key_};
    EXPECT_EQ(issue(longer, *key_.public_key(), &issuer, nullptr, random_)->not_after(), root.not_after());
    longer.not_before = root.not_after() + std::chrono::seconds(1);
    EXPECT_FALSE(issue(longer, *key_.public_key(), &issuer, nullptr, random_));
}

TEST_F(Issue, KeyUsageFollowsProfileAndKey) {
    const auto usage = [](const Certificate& certificate) { return X509_get_key_usage(certificate.get()); };
    const auto purposes = [](const Certificate& certificate) { return X509_get_extended_key_usage(certificate.get()); };
    const Certificate root = *self_signed(request(Profile::root_ca, "root"));
    EXPECT_EQ(usage(root), unsigned{KU_DIGITAL_SIGNATURE | KU_KEY_CERT_SIGN | KU_CRL_SIGN});
    const Certificate client = *self_signed(request(Profile::client, "dev"));
    EXPECT_EQ(usage(client), unsigned{KU_DIGITAL_SIGNATURE});
    EXPECT_EQ(purposes(client), unsigned{XKU_SSL_CLIENT});
    const Certificate both = *self_signed(request(Profile::client_and_server, "host"));
    EXPECT_EQ(purposes(both), unsigned{XKU_SSL_CLIENT | XKU_SSL_SERVER});
    const PrivateKey rsa = *PrivateKey::generate(*KeySpec::parse("rsa:2048"));
    const Certificate server = *issue(request(Profile::server, "host"), *rsa.public_key(), nullptr, &rsa, random_);
    EXPECT_EQ(usage(server), unsigned{KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT});
    EXPECT_EQ(purposes(server), unsigned{XKU_SSL_SERVER});
}

TEST_F(Issue, NamesOfServers) {
    IssueRequest what = request(Profile::server, "host");
    what.dns_names = {"host.example", "*.host.example"};
    what.ip_addresses = {"127.0.0.1", "::1"};
    const Certificate host = *self_signed(what);
    EXPECT_EQ(X509_check_host(host.get(), "host.example", 0, 0, nullptr), 1);
    EXPECT_EQ(X509_check_host(host.get(), "a.host.example", 0, 0, nullptr), 1);
    EXPECT_EQ(X509_check_ip_asc(host.get(), "::1", 0), 1);
    EXPECT_EQ(X509_check_ip_asc(host.get(), "127.0.0.2", 0), 0);
}

TEST_F(Issue, RefusesNamesThatCannotStand) {
    const auto refused = [&](const std::string& name) { return self_signed(request(Profile::client, name)); };
    EXPECT_NE(refused(std::string(65, 'x')).error().message().find("65 characters"), std::string::npos);
    EXPECT_NE(refused(std::string(65, 'x')).error().message().find("at most 64"), std::string::npos);
    EXPECT_FALSE(refused(""));
    EXPECT_FALSE(refused(std::string("a\0b", 3)));
    EXPECT_TRUE(refused(std::string(64, 'x')));
    std::string umlauts;
    for (int i = 0; i < 64; ++i) umlauts += "ü";
    EXPECT_TRUE(refused(umlauts)) << "characters are counted, not bytes";
}

TEST_F(Issue, AlternativeNamesCannotSmuggle) {
    for (const char* name : {"a.example,IP:10.0.0.1", "", "a b", ".example", "a\nb", "ü.example", "*."}) {
        IssueRequest what = request(Profile::server, "host");
        what.dns_names = {name};
        EXPECT_FALSE(self_signed(what)) << name;
    }
    IssueRequest what = request(Profile::server, "host");
    what.ip_addresses = {"10.0.0.256"};
    EXPECT_FALSE(self_signed(what));
}

TEST_F(Issue, PfxOpensWithItsPassphraseAlone) {
    const auto made = lab::make("root | plant<root ca | dev<plant");
    const Bytes pfx = *make_pfx(*made.at("dev").key, lab::pick(made, "dev plant root"), "1234", "dev");
    const unsigned char* next = pfx.data();
    PKCS12* read = d2i_PKCS12(nullptr, &next, static_cast<long>(pfx.size()));
    ASSERT_NE(read, nullptr);
    EXPECT_EQ(PKCS12_verify_mac(read, "4321", -1), 0);
    EVP_PKEY* key = nullptr;
    X509* leaf = nullptr;
    STACK_OF(X509)* rest = nullptr;
    ASSERT_EQ(PKCS12_parse(read, "1234", &key, &leaf, &rest), 1);
    EXPECT_EQ(PublicKey(EvpKey(key)), *made.at("dev").key->public_key());
    EXPECT_EQ(Certificate::from_x509(leaf).der(), made.at("dev").certificate.der());
    EXPECT_EQ(sk_X509_num(rest), 2);
    X509_free(leaf);
    sk_X509_pop_free(rest, X509_free);
    PKCS12_free(read);
}

TEST(VerifiedSignatures, ForgetsTheOldestAndStaysBounded) {
    VerifiedSignatures verified(8);
    const auto hash = [](std::uint8_t n) {
        Sha256 out{};
        out[0] = n;
        return out;
    };
    const Sha256 issuer = hash(255);
    verified.insert(hash(0), issuer);
    EXPECT_TRUE(verified.contains(hash(0), issuer));
    EXPECT_FALSE(verified.contains(issuer, hash(0)));
    for (std::uint8_t n = 1; n < 100; ++n) {
        verified.insert(hash(n), issuer);
        EXPECT_TRUE(verified.contains(hash(0), issuer)) << "what is in use stays";
    }
    EXPECT_FALSE(verified.contains(hash(50), issuer));
}

}  // namespace
}  // namespace muster::pki
