#include "certificates.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/random.h"
#include "pki/direct_ec.h"

namespace muster::net {
namespace {

using std::chrono::days;

// Every test of this program runs a second time with EC keys as musterd has them (CMakeLists.txt).
class MaybeDirectEc : public testing::Environment {
public:
    void SetUp() override {
        if (std::getenv("MUSTER_TEST_DIRECT_EC") != nullptr) ASSERT_TRUE(pki::use_direct_ec_keys());
    }
};

[[maybe_unused]] const testing::Environment* const registered = testing::AddGlobalTestEnvironment(new MaybeDirectEc);

pki::IssueRequest request(pki::Profile profile, const std::string& name, Dates dates) {
    pki::IssueRequest result;
    const auto now = SystemClock().now();
    result.profile = profile;
    result.common_name = name;
    result.not_before = now + days(dates.from_days);
    result.not_after = now + days(dates.to_days);
    if (profile == pki::Profile::server) {
        result.dns_names = {name};
        result.ip_addresses = {"127.0.0.1"};
    }
    return result;
}

Identity make(const pki::IssueRequest& what, const std::string& key_spec, const Identity* issuer) {
    SystemRandom random;
    auto key = pki::PrivateKey::generate(pki::KeySpec::parse(key_spec).value()).value();
    const auto public_key = key.public_key().value();
    if (!issuer) {
        auto certificate = pki::issue(what, public_key, nullptr, &key, random);
        return {{certificate.value()}, std::move(key)};
    }
    const pki::Issuer by{issuer->chain.front(), issuer->key};
    auto certificate = pki::issue(what, public_key, &by, nullptr, random);
    Identity identity{{certificate.value()}, std::move(key)};
    identity.chain.insert(identity.chain.end(), issuer->chain.begin(), issuer->chain.end());
    return identity;
}

}  // namespace

std::string Identity::key_pem() const {
    return std::string(key.to_pem().value().text());
}

Identity make_authority(const std::string& name, const std::string& key) {
    return make(request(pki::Profile::root_ca, name, {-30, 60}), key, nullptr);
}

Identity make_identity(const Identity& issuer, pki::Profile profile, const std::string& name, const std::string& key,
                       Dates dates) {
    return make(request(profile, name, dates), key, &issuer);
}

Identity make_self_signed(const std::string& name) {
    return make(request(pki::Profile::client, name, {}), "ec:p256", nullptr);
}

}  // namespace muster::net
