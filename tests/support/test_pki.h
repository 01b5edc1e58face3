// Authorities and leaves for service tests, made with the pki room.
#pragma once

#include <gtest/gtest.h>

#include "pki/issue.h"

namespace muster::test {

struct Authority {
    pki::Certificate certificate;
    pki::PrivateKey key;
};

class TestPki {
public:
    TestPki(Random& random, TimePoint now) : random_(random), now_(now) {}

    Authority root(std::string name = "Test root") {
        return issue({.profile = pki::Profile::root_ca, .common_name = std::move(name)}, nullptr);
    }
    Authority intermediate(const Authority& issuer, std::string name) {
        return issue({.profile = pki::Profile::intermediate_ca, .common_name = std::move(name)}, &issuer);
    }
    // Self-signed without an issuer.
    Authority leaf(const Authority* issuer, std::string name) {
        return issue({.profile = pki::Profile::client, .common_name = std::move(name)}, issuer);
    }
    // As `request` says; dates are filled in when they are absent.
    Authority issue(pki::IssueRequest request, const Authority* issuer) {
        if (request.not_before == TimePoint{}) request.not_before = now_ - std::chrono::minutes(5);
        if (request.not_after == TimePoint{}) request.not_after = now_ + std::chrono::days(30);
        auto key = pki::PrivateKey::generate({});
        EXPECT_TRUE(key);
        auto public_key = key->public_key();
        std::optional<pki::Issuer> by;
        if (issuer != nullptr) by.emplace(pki::Issuer{issuer->certificate, issuer->key});
        auto certificate = pki::issue(request, *public_key, by ? &*by : nullptr, by ? nullptr : &*key, random_);
        EXPECT_TRUE(certificate) << certificate.error().chain();
        return {std::move(*certificate), std::move(*key)};
    }

private:
    Random& random_;
    TimePoint now_;
};

}  // namespace muster::test
