// Edge CAs: to whom they are issued, and that nothing below them lets anybody in.
#include "authority_fixture.h"
#include "provisioning/registration.h"

namespace muster::authority {
namespace {

using ::testing::HasSubstr;

class EdgeCaTest : public AuthorityFixture {
protected:
    EdgeCaTest() {
        switch_on();
        put("plant", &factory_.certificate, true);
    }

    void put(const std::string& id, const pki::Certificate* certificate, bool allowed) {
        const store::EnrollmentRecord record{
            .id = id,
            .etag = fmt::format("etag-{}", ++etags_),
            .body = json::serialize(json::object{{"enrollmentGroupId", id},
                                                 {"attestation", {{"type", "x509"}}},
                                                 {"edgeCaIssuance", allowed},
                                                 {"provisioningStatus", "enabled"}}),
            .primary_certificate = certificate != nullptr ? certificate->der() : Bytes()};
        write([&](store::Tx& tx) { return tx.enrollment_groups().put(record); });
        ASSERT_TRUE(run(groups_.refresh()));
    }
    // As the container runtime asks.
    static std::string ca_request(const std::string& name, const pki::PrivateKey& key) {
        return base64_encode(pki::Csr::create(key, {{"CN", name}},
                                              {{"basicConstraints", "critical,CA:TRUE,pathlen:0"},
                                               {"keyUsage", "critical,digitalSignature,keyCertSign"}})
                                 ->der());
    }
    Result<pki::Certificate> edge_ca(const std::string& name, const pki::PrivateKey& key, pki::CertificateChain chain,
                                     bool renews = false) {
        return ask({.csr = ca_request(name, key), .renews = renews, .chain = std::move(chain)});
    }
    Result<pki::Certificate> edge_ca_by_password(const pki::PrivateKey& key, std::string_view password) {
        return ask({.csr = ca_request("edge CA", key), .user = "dev-1", .password = Secret(password)});
    }
    std::string refusal(const std::string& id, pki::CertificateChain chain) {
        const auto answer = run(registrations_.register_device(
            {.scope = "0ne1", .registration_id = id, .chain = std::move(chain), .tracking_id = "t", .peer = "test"},
            {}));
        return answer ? "(registered)" : answer.error().chain();
    }
    pki::Certificate signed_by(const pki::Certificate& ca, const pki::PrivateKey& key, const std::string& name) {
        const pki::Issuer issuer{ca, key};
        return *pki::issue(
            {.common_name = name, .not_before = clock_.now(), .not_after = clock_.now() + std::chrono::days(1)},
            *new_key().public_key(), &issuer, nullptr, random_);
    }

    metrics::Metrics metrics_;
    test::Authority factory_ = pki_.root("Factory");
    provisioning::Registrations registrations_{*store_, groups_,  clock_,
                                               random_, metrics_, {"0ne1", "hub.example", Secret(Bytes(32, 1))}};
};

TEST_F(EdgeCaTest, IsIssuedToWhomeverTheGroupHasUnderANameOfItsOwn) {
    const auto device = pki_.leaf(&factory_, "dev-1");
    const auto key = new_key();
    const auto made = edge_ca("aziot-edge CA dev-1", key, {device.certificate});
    ASSERT_TRUE(made) << why(made);
    EXPECT_EQ(made->common_name(), "aziot-edge CA dev-1");
    EXPECT_TRUE(made->is_ca());
    EXPECT_EQ(made->path_length(), 0);
    // What it signs has a chain up to the root.
    const auto server = signed_by(*made, key, "gateway");
    const auto root = authority_.issuing()->chain.back();
    const auto path = pki::validate_client_path({server, *made, authority_.issuing()->certificate()},
                                                [&](const pki::Certificate&) { return std::vector{root}; },
                                                {.now = clock_.now(), .purpose = pki::Purpose::any});
    EXPECT_TRUE(path.ok()) << path.explanation;
    const auto listed = run(certificates_.list({.registration_id = "dev-1"}, "", 10));
    ASSERT_TRUE(listed);
    EXPECT_EQ(test::text_at(listed->items.at(0).as_object(), "/origin"), "edge-ca");
}

TEST_F(EdgeCaTest, IsRefusedUnlessTheGroupAllowsIt) {
    put("plant", &factory_.certificate, false);
    const auto device = pki_.leaf(&factory_, "dev-1");
    const auto refused = edge_ca("edge CA", new_key(), {device.certificate});
    EXPECT_EQ(code(refused), Errc::forbidden);
    EXPECT_THAT(why(refused), HasSubstr("'plant' does not let its devices have an edge CA"));
    EXPECT_THAT(refused.error().hint(), HasSubstr("muster enrollment-group update plant --edge-ca true"));
    EXPECT_EQ(code(edge_ca("edge CA", new_key(), {})), Errc::unauthorized);
    EXPECT_EQ(code(edge_ca("edge CA", new_key(), {pki_.leaf(nullptr, "dev-1").certificate})), Errc::unauthorized);
}

TEST_F(EdgeCaTest, IsRefusedForADeviceThatAnIndividualEnrollmentDecidesOn) {
    const auto device = pki_.leaf(&factory_, "dev-1");
    write([](store::Tx& tx) { return tx.enrollments().put({.id = "dev-1", .etag = "e", .body = "{}"}); });
    EXPECT_THAT(why(edge_ca("edge CA", new_key(), {device.certificate})), HasSubstr("individual enrollment"));
}

TEST_F(EdgeCaTest, IsFollowedByTheNextOneByItself) {
    const auto device = pki_.leaf(&factory_, "dev-1");
    const auto first = edge_ca("edge CA", new_key(), {device.certificate});
    ASSERT_TRUE(first) << why(first);
    const auto second = edge_ca("edge CA", new_key(), {*first}, true);
    ASSERT_TRUE(second) << why(second);
    EXPECT_THAT(why(edge_ca("another", new_key(), {*second}, true)), HasSubstr("a renewal keeps the subject"));
    put("plant", &factory_.certificate, false);
    EXPECT_EQ(code(edge_ca("edge CA", new_key(), {*second}, true)), Errc::forbidden);
    put("plant", &factory_.certificate, true);
    ASSERT_TRUE(revoke(*second));
    EXPECT_EQ(code(edge_ca("edge CA", new_key(), {*second}, true)), Errc::unauthorized);
    EXPECT_TRUE(edge_ca("edge CA", new_key(), {*first}, true));
}

TEST_F(EdgeCaTest, LetsNobodyInAndNothingBelowItDoes) {
    // Even where the issuing CA stands for a group.
    put("by-authority", &authority_.issuing()->certificate(), true);
    const auto device = pki_.leaf(&factory_, "dev-1");
    const auto key = new_key();
    // The name is the device's to choose.
    const auto made = edge_ca("dev-2", key, {device.certificate});
    ASSERT_TRUE(made) << why(made);
    EXPECT_THAT(refusal("dev-2", {*made}), HasSubstr("which stands for no device"));
    const auto below = signed_by(*made, key, "dev-3");
    EXPECT_THAT(refusal("dev-3", {below, *made}), HasSubstr("was issued by the edge CA 'CN=dev-2' of 'dev-1'"));
    EXPECT_EQ(code(enrol("dev-3", new_key(), {below, *made})), Errc::unauthorized);
    EXPECT_EQ(code(enrol("dev-2", new_key(), {*made})), Errc::unauthorized);
    EXPECT_EQ(code(edge_ca("edge CA", new_key(), {below, *made})), Errc::unauthorized);
}

TEST_F(EdgeCaTest, APasswordServesOneBesideTheDevicesCertificate) {
    const auto secret = password("dev-1", "plant");
    const auto key = new_key();
    const auto made = edge_ca_by_password(key, secret);
    ASSERT_TRUE(made) << why(made);
    const auto again = edge_ca_by_password(key, secret);
    ASSERT_TRUE(again) << why(again);
    EXPECT_EQ(again->der(), made->der()) << "the answer may have been lost";
    EXPECT_THAT(why(edge_ca_by_password(new_key(), secret)), HasSubstr("was used already for an edge CA"));
    EXPECT_TRUE(enrol_by_password("dev-1", new_key(), "dev-1", secret));
    EXPECT_FALSE(enrol_by_password("dev-1", new_key(), "dev-1", secret));
    clock_.advance(std::chrono::minutes(1));
    const auto next = password("dev-1", "plant");
    EXPECT_TRUE(edge_ca_by_password(new_key(), next)) << "a new password, a new edge CA";
}

TEST_F(EdgeCaTest, GoesWithTheLastCertificateOfItsDevice) {
    const auto key = new_key();
    const auto first = enrol_by_password("dev-1", key, "dev-1", password("dev-1", "plant"));
    ASSERT_TRUE(first) << why(first);
    const auto next = enrol("dev-1", new_key(), {*first});
    ASSERT_TRUE(next) << why(next);
    const auto made = edge_ca("edge CA", new_key(), {*next});
    ASSERT_TRUE(made) << why(made);
    const auto others = edge_ca("edge CA", new_key(), {pki_.leaf(&factory_, "dev-2").certificate});
    ASSERT_TRUE(others) << why(others);
    auto revoked = revoke(*first);
    ASSERT_TRUE(revoked) << why(revoked);
    EXPECT_FALSE(revoked->contains("edgeCas")) << "the device has another";
    EXPECT_TRUE(edge_ca("edge CA", new_key(), {*made}, true));

    revoked = revoke(*next);
    ASSERT_TRUE(revoked) << why(revoked);
    EXPECT_EQ(revoked->at("edgeCas").as_array().size(), 2U) << "the one that was followed, too";
    EXPECT_EQ(code(edge_ca("edge CA", new_key(), {*made}, true)), Errc::unauthorized);
    const auto list = published();
    EXPECT_EQ(list.find(made->serial_hex())->reason, pki::RevocationReason::key_compromise);
    EXPECT_FALSE(list.find(others->serial_hex()));
    EXPECT_EQ(code(revoke(*made)), Errc::conflict);
    settle();
    const auto told = run(store_->read([](store::Tx& tx) { return tx.journal().changes_before(1'000'000, 3); }));
    for (const auto& entry : *told) EXPECT_EQ(entry.type, "certificate.revoked");
}

TEST_F(EdgeCaTest, HasNotTheNameOfACaAboveIt) {
    const auto device = pki_.leaf(&factory_, "dev-1");
    const auto name = std::string(authority_.issuing()->certificate().common_name());
    EXPECT_THAT(why(edge_ca(name, new_key(), {device.certificate})), HasSubstr("has the name of the CA"));
}

TEST_F(EdgeCaTest, NeedsAnIssuingCaWithRoomBelowIt) {
    const auto root = pki_.root("Elsewhere");
    const auto issuing =
        pki_.issue({.profile = pki::Profile::intermediate_ca, .common_name = "Narrow", .path_length = 0}, &root);
    const auto installed = run(
        authority_.install(issuing.certificate.pem() + root.certificate.pem(), std::move(*issuing.key.to_pem()), {}));
    ASSERT_TRUE(installed) << why(installed);
    const auto device = pki_.leaf(&factory_, "dev-1");
    const auto refused = edge_ca("edge CA", new_key(), {device.certificate});
    EXPECT_EQ(code(refused), Errc::forbidden);
    EXPECT_THAT(why(refused), HasSubstr("its path length is 0, and 1 is needed"));
    EXPECT_TRUE(enrol("dev-1", new_key(), {device.certificate}));
}

}  // namespace
}  // namespace muster::authority
