#include "provisioning_fixture.h"

namespace muster::provisioning {
namespace {

using test::object;
using test::text_at;

class EnrollmentTest : public ProvisioningFixture {
protected:
    const test::Authority root_ = pki_.root();
    const test::Authority other_root_ = pki_.root("Other root");
    const test::Authority leaf_ = pki_.leaf(nullptr, "dev1");
};

TEST_F(EnrollmentTest, DefaultsAreFilledIn) {
    const auto written = put_individual("dev1", leaf_.certificate);
    ASSERT_TRUE(written) << why(written);
    EXPECT_EQ(text_at(*written, "/provisioningStatus"), "enabled");
    EXPECT_EQ(text_at(*written, "/allocationPolicy"), "hashed");
    EXPECT_EQ(text_at(*written, "/reprovisionPolicy/migrateDeviceData"), "true");
    EXPECT_EQ(text_at(*written, "/capabilities/iotEdge"), "false");
    EXPECT_EQ(text_at(*written, "/createdDateTimeUtc"), "2026-11-24T06:00:00.0000000Z");
    EXPECT_EQ(text_at(*written, "/attestation/x509/clientCertificates/primary/info/sha256Thumbprint"),
              leaf_.certificate.sha256_thumbprint());
    EXPECT_EQ(text_at(*written, "/attestation/x509/clientCertificates/secondary"), "null");
    EXPECT_EQ(text_at(*written, "/attestation/x509/clientCertificates/primary/certificate"), "(absent)");
}

TEST_F(EnrollmentTest, EveryFieldComesBack) {
    const auto body = object(R"({"deviceId":"other-id","capabilities":{"iotEdge":true},"iotHubs":["HUB.example"],
        "allocationPolicy":"geolatency","initialTwin":{"tags":{"a":1},"properties":{"desired":{"b":{"c":2},"$version":7}}},
        "provisioningStatus":"Disabled","reprovisionPolicy":{"updateHubAssignment":false,"migrateDeviceData":false},
        "optionalDeviceInformation":{"x":"y"},"credentialPolicyName":"p","trustBundleId":"t",
        "clientCertificateIssuancePolicy":{"certificateAuthorityName":"c"},"unknown":1})");
    ASSERT_TRUE(store_->transact_now([&](store::Tx& tx) {
        return tx.trust_bundles().put({.id = "t", .etag = "e", .certificates = root_.certificate.pem()});
    }));
    ASSERT_TRUE(put_individual("dev1", leaf_.certificate, body));
    const auto got = run(enrollments_.get(EnrollmentKind::individual, "DEV1"));
    ASSERT_TRUE(got) << why(got);
    EXPECT_EQ(text_at(*got, "/trustBundleId"), "t");
    EXPECT_EQ(text_at(*got, "/deviceId"), "other-id");
    EXPECT_EQ(text_at(*got, "/allocationPolicy"), "geoLatency");
    EXPECT_EQ(text_at(*got, "/iotHubs/0"), "hub.example");
    EXPECT_EQ(text_at(*got, "/initialTwin/properties/desired"), R"({"b":{"c":2}})");
    EXPECT_EQ(text_at(*got, "/provisioningStatus"), "disabled");
    EXPECT_EQ(text_at(*got, "/optionalDeviceInformation/x"), "y");
    EXPECT_EQ(text_at(*got, "/credentialPolicyName"), "p");
    EXPECT_EQ(text_at(*got, "/clientCertificateIssuancePolicy/certificateAuthorityName"), "c");
    EXPECT_EQ(text_at(*got, "/unknown"), "(absent)");
}

TEST_F(EnrollmentTest, EdgeCasAreForGroupsAlone) {
    ASSERT_TRUE(put_group("plant", root_.certificate, object(R"({"edgeCaIssuance":true})")));
    EXPECT_EQ(text_at(*run(enrollments_.get(EnrollmentKind::group, "plant")), "/edgeCaIssuance"), "true");
    ASSERT_TRUE(put_group("plant", root_.certificate, object(R"({"edgeCaIssuance":false})")));
    EXPECT_EQ(text_at(*run(enrollments_.get(EnrollmentKind::group, "plant")), "/edgeCaIssuance"), "(absent)");
    EXPECT_THAT(why(put_individual("dev1", leaf_.certificate, object(R"({"edgeCaIssuance":true})"))),
                ::testing::HasSubstr("belongs to enrollment groups"));
}

// GET, change, PUT: the certificate travels as its info alone and stays.
TEST_F(EnrollmentTest, ACertificateKnownByItsInfoIsKept) {
    ASSERT_TRUE(put_individual("dev1", leaf_.certificate));
    auto body = *run(enrollments_.get(EnrollmentKind::individual, "dev1"));
    body["provisioningStatus"] = "disabled";
    const auto etag = text_at(body, "/etag");
    const auto updated = put(EnrollmentKind::individual, "dev1", body, etag);
    ASSERT_TRUE(updated) << why(updated);
    EXPECT_EQ(text_at(*updated, "/attestation/x509/clientCertificates/primary/info/sha256Thumbprint"),
              leaf_.certificate.sha256_thumbprint());
    // The old etag is spent.
    EXPECT_EQ(number(put(EnrollmentKind::individual, "dev1", body, etag)), code::precondition_failed);
    EXPECT_TRUE(put(EnrollmentKind::individual, "dev1", body, "*"));
    EXPECT_EQ(number(put(EnrollmentKind::individual, "absent", body, "*")), code::not_found);
}

TEST_F(EnrollmentTest, PrimaryAndSecondaryCanBeExchangedByInfo) {
    const auto second = pki_.leaf(nullptr, "dev1");
    ASSERT_TRUE(put(EnrollmentKind::individual, "dev1",
                    {{"attestation",
                      {{"type", "x509"},
                       {"x509",
                        {{"clientCertificates",
                          {{"primary", {{"certificate", leaf_.certificate.pem()}}},
                           {"secondary", {{"certificate", second.certificate.pem()}}}}}}}}}}));
    const auto info = [](const pki::Certificate& certificate) {
        return json::object{{"info", {{"sha256Thumbprint", certificate.sha256_thumbprint()}}}};
    };
    const auto swapped =
        put(EnrollmentKind::individual, "dev1",
            {{"attestation",
              {{"type", "x509"},
               {"x509",
                {{"clientCertificates",
                  {{"primary", info(second.certificate)}, {"secondary", info(leaf_.certificate)}}}}}}}});
    ASSERT_TRUE(swapped) << why(swapped);
    EXPECT_EQ(text_at(*swapped, "/attestation/x509/clientCertificates/primary/info/sha256Thumbprint"),
              second.certificate.sha256_thumbprint());
    // An absent slot removes.
    const auto removed =
        put(EnrollmentKind::individual, "dev1",
            {{"attestation",
              {{"type", "x509"},
               {"x509", {{"clientCertificates", {{"primary", info(leaf_.certificate)}, {"secondary", nullptr}}}}}}}});
    ASSERT_TRUE(removed) << why(removed);
    EXPECT_EQ(text_at(*removed, "/attestation/x509/clientCertificates/secondary"), "null");
}

TEST_F(EnrollmentTest, CertificatesComeInSeveralForms) {
    for (const auto& text : {leaf_.certificate.pem(), base64_encode(leaf_.certificate.der()),
                             base64_encode(as_bytes(leaf_.certificate.pem()))}) {
        const auto written =
            put(EnrollmentKind::individual, "dev1",
                {{"attestation",
                  {{"type", "x509"}, {"x509", {{"clientCertificates", {{"primary", {{"certificate", text}}}}}}}}}});
        EXPECT_TRUE(written) << why(written);
    }
}

TEST_F(EnrollmentTest, SymmetricKeysAreMadeShownOnceAndKept) {
    const auto created = put(EnrollmentKind::group, "g", object(R"({"attestation":{"type":"symmetricKey"}})"));
    ASSERT_TRUE(created) << why(created);
    const auto key = text_at(*created, "/attestation/symmetricKey/primaryKey");
    EXPECT_EQ(base64_decode(key)->size(), 64u);
    EXPECT_EQ(text_at(*run(enrollments_.get(EnrollmentKind::group, "g")), "/attestation/symmetricKey"), "{}");
    EXPECT_EQ(text_at(*run(enrollments_.attestation(EnrollmentKind::group, "g")), "/symmetricKey/primaryKey"), key);
    const auto again =
        put(EnrollmentKind::group, "g", object(R"({"attestation":{"type":"symmetricKey","symmetricKey":{}}})"));
    EXPECT_EQ(text_at(*again, "/attestation/symmetricKey/primaryKey"), key);
}

TEST_F(EnrollmentTest, BadBodiesNameWhatIsWrong) {
    struct Case {
        std::string_view body, mentions;
    };
    for (
        const auto& [body, mentions] : {
            Case{R"({})", "attestation"},
            Case{R"({"attestation":{"type":"magic"}})", "attestation.type"},
            Case{R"({"attestation":{"type":"x509"}})", "x509"},
            Case{R"({"attestation":{"type":"x509","x509":{}}})", "no certificates"},
            Case{
                R"({"attestation":{"type":"x509","x509":{"clientCertificates":{"primary":{"certificate":"garbage"}}}}})",
                "clientCertificates.primary.certificate"},
            Case{R"({"attestation":{"type":"x509","x509":{"signingCertificates":{"primary":{"certificate":"x"}}}}})",
                 "clientCertificates"},
            Case{
                R"({"attestation":{"type":"x509","x509":{"clientCertificates":{"primary":{"info":{"sha256Thumbprint":"AB"}}}}}})",
                "none stored"},
            Case{R"({"attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"AAAA"}}})", "primaryKey"},
            Case{R"({"attestation":{"type":"tpm"}})", "endorsementKey"},
            Case{R"({"attestation":{"type":"symmetricKey"},"provisioningStatus":"maybe"})", "provisioningStatus"},
            Case{R"({"attestation":{"type":"symmetricKey"},"allocationPolicy":"custom"})", "webhook"},
            Case{R"({"attestation":{"type":"symmetricKey"},"allocationPolicy":"static"})", "exactly one hub"},
            Case{R"({"attestation":{"type":"symmetricKey"},"iotHubs":["else.example"]})", "not linked"},
            Case{R"({"attestation":{"type":"symmetricKey"},"initialTwin":{"tags":{"a.b":1}}})", "initialTwin.tags"},
            Case{R"({"attestation":{"type":"symmetricKey"},"deviceId":"a b"})", "device id"},
        }) {
        const auto written = put(EnrollmentKind::individual, "dev1", object(body));
        ASSERT_FALSE(written) << body;
        EXPECT_NE(why(written).find(mentions), std::string::npos) << why(written);
        EXPECT_EQ(number(written) / 1000, 400) << body;
    }
    EXPECT_EQ(number(put_individual("bad/id", leaf_.certificate)), code::invalid_body);
    EXPECT_EQ(number(put_individual("ends.", leaf_.certificate)), code::invalid_body);
    EXPECT_NE(why(put_group("g", leaf_.certificate)).find("not a CA certificate"), std::string::npos);
    EXPECT_NE(why(put(EnrollmentKind::group, "g",
                      object(R"({"attestation":{"type":"tpm","tpm":{"endorsementKey":"AAAA"}}})")))
                  .find("TPM"),
              std::string::npos);
}

TEST_F(EnrollmentTest, OneSigningCertificateInTwoGroupsIsRefused) {
    ASSERT_TRUE(put_group("one", root_.certificate));
    const auto second = put_group("two", root_.certificate);
    EXPECT_EQ(number(second), code::conflict);
    EXPECT_NE(why(second).find("one"), std::string::npos);
    EXPECT_TRUE(put_group("two", other_root_.certificate));
    ASSERT_TRUE(run(enrollments_.remove(EnrollmentKind::group, "one", std::nullopt)));
    EXPECT_TRUE(put_group("three", root_.certificate));
}

TEST_F(EnrollmentTest, QueriesPageAndEndWithoutAToken) {
    for (const auto* id : {"b", "a", "c"}) ASSERT_TRUE(put_individual(id, leaf_.certificate));
    const auto query = [&](std::string continuation) {
        return run(enrollments_.query(EnrollmentKind::individual, object(R"({"query":"SELECT * FROM enrollments"})"),
                                      {.limit = 2, .continuation = std::move(continuation)}));
    };
    const auto first = query("");
    ASSERT_TRUE(first) << why(first);
    EXPECT_EQ(first->items.size(), 2u);
    EXPECT_FALSE(first->continuation.empty());
    EXPECT_EQ(text_at(first->items, "/0/registrationState"), "(absent)");
    const auto last = query(first->continuation);
    EXPECT_EQ(last->items.size(), 1u);
    EXPECT_TRUE(last->continuation.empty());
    EXPECT_EQ(number(query("***")), code::invalid_body);
    EXPECT_EQ(number(run(enrollments_.query(EnrollmentKind::individual, object(R"({"query":"SELECT deviceId"})"), {}))),
              code::invalid_body);
}

TEST_F(EnrollmentTest, BulkItemsStandForThemselves) {
    const auto item = [&](std::string_view id) {
        return json::object{{"registrationId", id}, {"attestation", {{"type", "symmetricKey"}}}};
    };
    const auto bulk = [&](std::string_view mode, json::array items) {
        return run(enrollments_.bulk(EnrollmentKind::individual, {{"mode", mode}, {"enrollments", std::move(items)}}));
    };
    const auto created = bulk("create", {item("a"), item("bad id"), item("b")});
    ASSERT_TRUE(created) << why(created);
    EXPECT_EQ(text_at(*created, "/isSuccessful"), "false");
    EXPECT_EQ(text_at(*created, "/errors/0/registrationId"), "bad id");
    EXPECT_EQ(text_at(*bulk("create", {item("a")}), "/errors/0/errorCode"), std::to_string(code::conflict));
    EXPECT_EQ(text_at(*bulk("updateIfMatchEtag", {item("a")}), "/errors/0/errorCode"),
              std::to_string(code::precondition_failed));
    EXPECT_EQ(text_at(*bulk("delete", {item("a"), item("b")}), "/isSuccessful"), "true");
    EXPECT_EQ(number(bulk("explode", {item("a")})), code::invalid_body);
    EXPECT_EQ(number(bulk("create", json::array(11, item("a")))), code::invalid_body);
    EXPECT_EQ(number(bulk("create", {})), code::invalid_body);
}

TEST_F(EnrollmentTest, ACaCertificateInUseStays) {
    const json::object upload{{"certificate", root_.certificate.pem()}, {"isVerified", true}};
    ASSERT_TRUE(run(certificates_.put("root", upload, std::nullopt)));
    const auto group =
        json::object{{"attestation", {{"type", "x509"}, {"x509", {{"caReferences", {{"primary", "root"}}}}}}}};
    ASSERT_TRUE(put(EnrollmentKind::group, "g", group));
    const auto removed = run(certificates_.remove("root", std::nullopt));
    EXPECT_EQ(number(removed), code::certificate_in_use);
    EXPECT_NE(why(removed).find('g'), std::string::npos);
    EXPECT_EQ(number(run(certificates_.put("root", {{"certificate", other_root_.certificate.pem()}}, std::nullopt))),
              code::certificate_in_use);
    ASSERT_TRUE(run(enrollments_.remove(EnrollmentKind::group, "g", std::nullopt)));
    EXPECT_TRUE(run(certificates_.remove("root", std::nullopt)));
    EXPECT_NE(why(put(EnrollmentKind::group, "g", group)).find("not uploaded"), std::string::npos);
    EXPECT_NE(
        why(run(certificates_.put("leaf", {{"certificate", leaf_.certificate.pem()}}, std::nullopt))).find("not a CA"),
        std::string::npos);
}

// Proof of possession: a certificate with the code as its name, signed with the CA's own key.
TEST_F(EnrollmentTest, ACaCertificateIsVerifiedByItsKey) {
    ASSERT_TRUE(run(certificates_.put("root", {{"certificate", root_.certificate.pem()}}, std::nullopt)));
    const auto make_code = [&] {
        const auto made = run(certificates_.make_verification_code("root", "*"));
        EXPECT_TRUE(made) << why(made);
        return text_at(*made, "/properties/verificationCode");
    };
    const auto verify = [&](const pki::Certificate& proof) {
        return run(certificates_.verify("root", {{"certificate", proof.pem()}}, "*"));
    };
    const auto early = verify(pki_.leaf(&root_, "code").certificate);
    EXPECT_NE(why(early).find("no verification code"), std::string::npos) << why(early);

    const auto old_code = make_code();
    const auto code = make_code();
    EXPECT_NE(code, old_code);
    EXPECT_NE(why(verify(pki_.leaf(&root_, old_code).certificate)).find("common name"), std::string::npos);
    EXPECT_NE(why(verify(pki_.leaf(&other_root_, code).certificate)).find("not signed"), std::string::npos);
    EXPECT_EQ(text_at(*run(certificates_.get("root")), "/properties/isVerified"), "false");

    const auto verified = verify(pki_.leaf(&root_, code).certificate);
    ASSERT_TRUE(verified) << why(verified);
    EXPECT_EQ(text_at(*verified, "/properties/isVerified"), "true");
    EXPECT_EQ(text_at(*verified, "/properties/verificationCode"), "(absent)");
    EXPECT_EQ(number(run(certificates_.make_verification_code("root", "\"stale\""))), code::precondition_failed);
    EXPECT_EQ(number(run(certificates_.make_verification_code("none", "*"))), code::not_found);
}

}  // namespace
}  // namespace muster::provisioning
