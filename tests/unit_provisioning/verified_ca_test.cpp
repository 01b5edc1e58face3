// verified_ca_only: the chain of a group's device must lead, through the group's certificate, to a verified CA
// certificate (facts/dps.md 1.8 rule 6).
#include "provisioning_fixture.h"

namespace muster::provisioning {
namespace {

using test::text_at;

class VerifiedCaTest : public ProvisioningFixture {
protected:
    void upload(const std::string& name, const pki::Certificate& certificate, bool verified = true) {
        const auto written =
            run(certificates_.put(name, {{"certificate", certificate.pem()}, {"isVerified", verified}}, std::nullopt));
        EXPECT_TRUE(written) << why(written);
    }
    // "assigned", or why not.
    std::string registered(const pki::CertificateChain& chain) {
        EXPECT_TRUE(run(strict_.refresh()));
        const auto accepted = run(strict_registrations_.register_device(request("dev1", chain), {}));
        if (!accepted) return accepted.error().chain();
        return text_at(*run(enrollments_.get_registration("dev1")), "/status");
    }
    static bool says(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

    const test::Authority root_ = pki_.root();
    const test::Authority first_ = pki_.intermediate(root_, "First intermediate");
    const test::Authority second_ = pki_.intermediate(first_, "Second intermediate");
    const test::Authority leaf_ = pki_.leaf(&second_, "dev1");
    const pki::CertificateChain whole_{leaf_.certificate, second_.certificate, first_.certificate};
    const pki::CertificateChain cut_{leaf_.certificate, second_.certificate};

    Groups strict_{*store_, {.verified_ca_only = true}};
    Registrations strict_registrations_{
        *store_, strict_, clock_, random_, metrics_, ServiceIdentity{"0ne1", "hub.example", Secret(Bytes(32, 1))}};
};

TEST_F(VerifiedCaTest, TheOperatorsWordForAGroupIsNotEnough) {
    ASSERT_TRUE(put_group("plant", root_.certificate));
    EXPECT_TRUE(says(registered(whole_), "of group 'plant' is not verified"));
    upload("root", root_.certificate, false);
    EXPECT_TRUE(says(registered(whole_), "is not verified"));
    upload("root", root_.certificate);
    EXPECT_EQ(registered(whole_), "assigned");
}

TEST_F(VerifiedCaTest, AnIntermediatesDevicesPresentTheirChainUpToTheVerifiedOne) {
    ASSERT_TRUE(put_group("line", first_.certificate));
    upload("root", root_.certificate);
    EXPECT_EQ(registered(whole_), "assigned");
    const auto refused = registered(cut_);
    EXPECT_TRUE(says(refused, "neither presented nor trusted")) << refused;
    upload("line", first_.certificate);
    EXPECT_EQ(registered(cut_), "assigned");
}

TEST_F(VerifiedCaTest, NeitherAVerifiedOneBelowNorALookAlikeAboveHelps) {
    ASSERT_TRUE(put_group("line", first_.certificate));
    upload("below", second_.certificate);
    upload("alike", pki_.root().certificate);
    EXPECT_TRUE(says(registered(whole_), "is not verified")) << registered(whole_);
    upload("root", root_.certificate);
    EXPECT_EQ(registered(whole_), "assigned");
}

TEST_F(VerifiedCaTest, AnIndividualEnrollmentIsNotAskedForMore) {
    const auto alone = pki_.leaf(nullptr, "dev1");
    ASSERT_TRUE(put_individual("dev1", alone.certificate));
    EXPECT_EQ(registered({alone.certificate}), "assigned");
}

}  // namespace
}  // namespace muster::provisioning
