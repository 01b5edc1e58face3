#include "pki/csr.h"

#include <gtest/gtest.h>
#include <openssl/x509.h>

namespace muster::pki {
namespace {

PrivateKey new_key() {
    return *PrivateKey::generate({});
}

TEST(Csr, CarriesSubjectAndKeyAndProvesPossession) {
    const PrivateKey key = new_key();
    const Csr csr = *Csr::create(key, {{"O", "Plant"}, {"CN", "dev-1"}});
    EXPECT_EQ(csr.common_name(), "dev-1");
    EXPECT_EQ(*csr.public_key(), *key.public_key());
    EXPECT_TRUE(csr.signature_ok());
    EXPECT_EQ(X509_REQ_get_version(csr.get()), 0);
    EXPECT_EQ(X509_REQ_get_attr_count(csr.get()), 0) << "no extensions asked for: none, as the original's requests";
}

TEST(Csr, GoesThroughPemAndDer) {
    const Csr csr = *Csr::create(new_key(), {{"CN", "dev-1"}}, {{"extendedKeyUsage", "clientAuth"}});
    EXPECT_TRUE(csr.pem().starts_with("-----BEGIN CERTIFICATE REQUEST-----\n"));
    EXPECT_EQ(Csr::from_pem(csr.pem())->der(), csr.der());
    EXPECT_EQ(Csr::from_der(csr.der())->common_name(), "dev-1");
    EXPECT_EQ(X509_REQ_get_attr_count(csr.get()), 1);
}

TEST(Csr, ChangedAfterSigningProvesNothing) {
    Bytes der = Csr::create(new_key(), {{"CN", "dev-1"}})->der();
    const std::string_view name = "dev-1";
    *std::search(der.begin(), der.end(), name.begin(), name.end()) = 'D';
    const auto changed = Csr::from_der(der);
    ASSERT_TRUE(changed);
    EXPECT_EQ(changed->common_name(), "Dev-1");
    EXPECT_FALSE(changed->signature_ok());
}

TEST(Csr, RefusesLongNamesAndUnknownExtensions) {
    const auto longer = Csr::create(new_key(), {{"CN", std::string(65, 'x')}});
    ASSERT_FALSE(longer);
    EXPECT_NE(longer.error().message().find("at most 64"), std::string::npos);
    EXPECT_FALSE(Csr::create(new_key(), {{"CN", "x"}}, {{"noSuchExtension", "1"}}));
    EXPECT_FALSE(Csr::create(new_key(), {{"NoSuchField", "x"}}));
}

TEST(Csr, RefusesWhatIsNone) {
    EXPECT_FALSE(Csr::from_pem(""));
    EXPECT_FALSE(Csr::from_pem("-----BEGIN CERTIFICATE REQUEST-----\nAAAA"));
    EXPECT_FALSE(Csr::from_der({}));
    Bytes der = Csr::create(new_key(), {{"CN", "dev-1"}})->der();
    der.push_back(0);
    EXPECT_FALSE(Csr::from_der(der));
}

}  // namespace
}  // namespace muster::pki
