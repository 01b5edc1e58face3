// Registrations with certificates that the authority issued, and such that ask for one.
#include "provisioning/registration.h"

#include "authority_fixture.h"

namespace muster::authority {
namespace {

using provisioning::DeviceRequest;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class IssuedRegistrationTest : public AuthorityFixture {
protected:
    IssuedRegistrationTest() {
        switch_on();
        put_group("plant", &factory_.certificate);
        registrations_.use_authority(authority_);
    }

    DeviceRequest request(const std::string& id, pki::CertificateChain chain,
                          std::string version = "2025-07-01-preview") const {
        return {.scope = "0ne1",
                .registration_id = id,
                .chain = std::move(chain),
                .tracking_id = "t",
                .peer = "test",
                .api_version = std::move(version)};
    }
    // The state that the registration ends with, or {"refused": why}.
    json::object register_device(const DeviceRequest& asked, json::object body = {}) {
        const auto accepted = run(registrations_.register_device(asked, std::move(body)));
        if (!accepted) return {{"refused", accepted.error().chain()}};
        return poll(asked, test::text_at(*accepted, "/operationId"));
    }
    json::object poll(const DeviceRequest& asked, std::string operation_id) {
        const auto ended = run(registrations_.operation_status(asked, std::move(operation_id)));
        if (!ended) return {{"refused", ended.error().chain()}};
        return ended->at("registrationState").as_object();
    }
    static std::string refusal(const json::object& state) { return string_or(state, "refused", "(none)"); }
    static json::array chain_of(const json::object& state) {
        const auto* chain = find_member(state, "issuedCertificateChain");
        return chain == nullptr ? json::array() : chain->as_array();
    }
    std::size_t issued() {
        const auto page = run(certificates_.list({}, "", 1000));
        return page ? page->items.size() : 0;
    }
    // A group whose devices get certificates with their registrations.
    void put_issuing_group(const std::string& id, const pki::Certificate& certificate, json::object more = {}) {
        more["enrollmentGroupId"] = id;
        more["attestation"] = {{"type", "x509"}};
        more.emplace("provisioningStatus", "enabled");
        more.emplace("credentialPolicyName", "default");
        const store::EnrollmentRecord record{.id = id,
                                             .etag = fmt::format("etag-{}", ++etags_),
                                             .body = json::serialize(more),
                                             .primary_certificate = certificate.der()};
        write([&](store::Tx& tx) { return tx.enrollment_groups().put(record); });
        ASSERT_TRUE(run(groups_.refresh()));
    }

    metrics::Metrics metrics_;
    test::Authority factory_ = pki_.root("Factory");
    test::Authority onboarding_ = pki_.root("Onboarding");
    provisioning::Registrations registrations_{*store_, groups_,  clock_,
                                               random_, metrics_, {"0ne1", "hub.example", Secret(Bytes(32, 1))}};
};

TEST_F(IssuedRegistrationTest, WhatWasIssuedRegistersThroughItsGroupUntilItIsRevoked) {
    put_group("keys");
    const auto made = enrol_by_password("dev-1", new_key(), "dev-1", password("dev-1", "keys"));
    ASSERT_TRUE(made) << why(made);
    for (const auto& chain : {pki::CertificateChain{*made}, pki::CertificateChain{*made, authority_.issuing()->chain[0],
                                                                                  authority_.issuing()->chain[1]}}) {
        const auto state = register_device(request("dev-1", chain));
        EXPECT_EQ(state.at("status"), "assigned");
        EXPECT_EQ(test::text_at(state, "/x509/enrollmentGroupId"), "keys");
    }
    EXPECT_THAT(refusal(register_device(request("dev-2", {*made}))), HasSubstr("is not the registration id"));
    ASSERT_TRUE(revoke(*made));
    EXPECT_THAT(refusal(register_device(request("dev-1", {*made}))), HasSubstr("lets nobody in: the certificate"));
}

TEST_F(IssuedRegistrationTest, TheLimitOfItsGroupIsForWhatWasIssuedToo) {
    put_group("keys");
    const auto made = enrol_by_password("dev-1", new_key(), "dev-1", password("dev-1", "keys"));
    ASSERT_TRUE(made) << why(made);
    auto asked = request("dev-1", {*made});
    asked.admit_group = [](const std::string& id) -> Result<> { return fail(Errc::throttled, "too many of {}", id); };
    EXPECT_EQ(refusal(register_device(asked)), "too many of keys");
}

TEST_F(IssuedRegistrationTest, TheRecordDecidesBeforeAnyCaOfAGroupDoes) {
    // The issuing CA itself in a group: what it issued for another stays there.
    put_group("by-authority", &authority_.issuing()->certificate());
    const auto made = enrol_by_password("dev-1", new_key(), "dev-1", password("dev-1", "plant"));
    ASSERT_TRUE(made);
    EXPECT_EQ(test::text_at(register_device(request("dev-1", {*made})), "/x509/enrollmentGroupId"), "plant");
    // What the CA's key signed elsewhere has no record, and goes by the chain.
    const auto ca = authority_.issuing();
    const pki::Issuer issuer{ca->certificate(), *ca->key};
    const auto foreign = pki::issue(
        {.common_name = "dev-2", .not_before = clock_.now(), .not_after = clock_.now() + std::chrono::days(1)},
        *new_key().public_key(), &issuer, nullptr, random_);
    ASSERT_TRUE(foreign);
    EXPECT_EQ(test::text_at(register_device(request("dev-2", {*foreign})), "/x509/enrollmentGroupId"), "by-authority");
    put_group("by-authority", &factory_.certificate);
    EXPECT_THAT(refusal(register_device(request("dev-2", {*foreign}))), HasSubstr("belongs to no enrollment group"));
}

TEST_F(IssuedRegistrationTest, ARegistrationIsAnsweredWithTheCertificateItAskedFor) {
    put_issuing_group("issuing", onboarding_.certificate);
    const auto leaf = pki_.leaf(&onboarding_, "dev-1");
    const auto key = new_key();
    const auto asked = request("dev-1", {leaf.certificate});
    const auto state = register_device(asked, {{"csr", csr("dev-1", key)}});
    EXPECT_EQ(state.at("status"), "assigned");
    ASSERT_THAT(chain_of(state), SizeIs(3));
    const auto made = *pki::Certificate::from_any(chain_of(state)[0].as_string());
    EXPECT_EQ(*made.public_key(), *key.public_key());
    EXPECT_EQ(pki::Certificate::from_any(chain_of(state)[2].as_string())->der(), authority_.issuing()->chain[1].der());
    std::string thumbprint;
    write([&](store::Tx& tx) -> Result<> {
        MUSTER_TRY(const auto identity, tx.identities().find("dev-1"));
        thumbprint = identity->primary_thumbprint;
        return {};
    });
    EXPECT_EQ(thumbprint, made.sha256_thumbprint());
    EXPECT_EQ(register_device(request("dev-1", {made})).at("status"), "assigned");
    // The next registration asks for none.
    EXPECT_THAT(chain_of(register_device(asked)), IsEmpty());
}

TEST_F(IssuedRegistrationTest, AskingIsRefusedWithTheReasonAndChangesNothing) {
    put_issuing_group("issuing", onboarding_.certificate);
    const auto leaf = pki_.leaf(&onboarding_, "dev-1");
    const auto good = csr("dev-1", new_key());
    const auto refused = [&](const DeviceRequest& asked, json::object body) {
        return refusal(register_device(asked, std::move(body)));
    };
    const auto asked = request("dev-1", {leaf.certificate});
    EXPECT_THAT(refused(request("dev-1", {leaf.certificate}, "2021-06-01"), {{"csr", good}}),
                HasSubstr("not known in api-version 2021-06-01"));
    EXPECT_THAT(refused(asked, {{"csr", csr("dev-2", new_key())}}), HasSubstr("common name of \"csr\" is 'dev-2'"));
    EXPECT_THAT(refused(asked, {{"csr", "AAAA"}}), HasSubstr("\"csr\": not a PKCS#10 request"));
    EXPECT_THAT(refused(asked, {{"clientCertificateCsr", good}}), HasSubstr("was withdrawn"));
    const auto plain = pki_.leaf(&factory_, "dev-1");
    EXPECT_THAT(refused(request("dev-1", {plain.certificate}), {{"csr", good}}),
                HasSubstr("'plant' issues no certificates"));
    put_issuing_group("issuing", onboarding_.certificate, {{"credentialPolicyName", "gold"}});
    EXPECT_THAT(refused(asked, {{"csr", good}}), HasSubstr("credential policy 'gold', which is not known here"));
    put_issuing_group("issuing", onboarding_.certificate, {{"provisioningStatus", "disabled"}});
    EXPECT_EQ(register_device(asked, {{"csr", good}}).at("status"), "disabled");
    EXPECT_EQ(issued(), 0u);
}

}  // namespace
}  // namespace muster::authority
