// Which changes of a group ask for a device to be judged again.
#include "provisioning_fixture.h"

namespace muster::provisioning {
namespace {

class GroupVersionTest : public ::testing::Test {
protected:
    store::EnrollmentRecord changed() const {
        auto other = group_;
        other.etag = "later";
        return other;
    }

    const store::EnrollmentRecord group_{.id = "plant",
                                         .etag = "first",
                                         .body = R"({"initialTwin":{"tags":{"round":1}}})",
                                         .primary_certificate = Bytes{1, 2},
                                         .secondary_certificate = Bytes{3},
                                         .primary_key = "a2V5",
                                         .secondary_key = "b3RoZXI="};
    const GroupVersion version_{group_};
};

TEST_F(GroupVersionTest, AnotherTwinIsNoReason) {
    auto later = changed();
    later.body = R"({"initialTwin":{"tags":{"round":2}},"provisioningStatus":"disabled"})";
    EXPECT_TRUE(version_.judges_like(later));
}

TEST_F(GroupVersionTest, AnotherCertificateOrKeyIs) {
    for (auto member :
         {&store::EnrollmentRecord::primary_certificate, &store::EnrollmentRecord::secondary_certificate}) {
        auto later = changed();
        (later.*member).push_back(4);
        EXPECT_FALSE(version_.judges_like(later));
    }
    for (auto member : {&store::EnrollmentRecord::primary_key, &store::EnrollmentRecord::secondary_key}) {
        auto later = changed();
        (later.*member).clear();
        EXPECT_FALSE(version_.judges_like(later));
    }
}

TEST_F(GroupVersionTest, AnotherCaIs) {
    auto later = changed();
    later.body = R"({"attestation":{"type":"x509","x509":{"caReferences":{"primary":"root"}}}})";
    EXPECT_FALSE(version_.judges_like(later));
}

TEST_F(GroupVersionTest, CertificatesThatChangePlacesAre) {
    auto later = changed();
    std::swap(later.primary_certificate, later.secondary_certificate);
    EXPECT_FALSE(version_.judges_like(later));
    later.primary_certificate = {1, 2, 3};
    later.secondary_certificate.clear();
    EXPECT_FALSE(version_.judges_like(later));
}

}  // namespace
}  // namespace muster::provisioning
