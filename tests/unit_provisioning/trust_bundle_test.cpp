// Trust bundles: kept by name, given to the devices of the enrollments that name them.
#include <gmock/gmock.h>

#include "provisioning/trust_bundles.h"
#include "provisioning_fixture.h"

namespace muster::provisioning {
namespace {

using test::text_at;
using ::testing::HasSubstr;

// Small, so that many of them have few bytes.
constexpr auto tiny_pem =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBEzCBuQIUMHaiY0twUqiq3sGE9/Zt88c/qXIwCgYIKoZIzj0EAwIwDDEKMAgG\n"
    "A1UEAwwBMTAeFw0yNjExMjYyMjE2NDZaFw0yNzAzMDYyMjE2NDZaMAwxCjAIBgNV\n"
    "BAMMATEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARSq/BSsp/ctpq+rnNMvamd\n"
    "o6LXGh3LKOzZNOIsHLFwj3KJUeKk7VYBy61pluhlLunfDc/omV/H+m+rc/QBmVcw\n"
    "MAoGCCqGSM49BAMCA0kAMEYCIQCCglfh5Qwtp/5e9ow89HimmlRmNu0gnk1zdcqK\n"
    "3LxCHQIhAKMGCXOFvIcFwwtbZjhw3sLY8qWcHwzwB6ksRU0KqSG9\n"
    "-----END CERTIFICATE-----\n";

class TrustBundleTest : public ProvisioningFixture {
protected:
    static json::object body_of(const std::vector<pki::Certificate>& certificates) {
        json::array list;
        for (const auto& certificate : certificates) list.push_back({{"certificate", certificate.pem()}});
        return {{"certificates", std::move(list)}};
    }
    Result<json::object> write(std::string id, const std::vector<pki::Certificate>& certificates,
                               std::optional<std::string> if_match = std::nullopt) {
        return run(bundles_.put(std::move(id), body_of(certificates), std::move(if_match)));
    }
    // What a device of that version is told at its end.
    json::value told(const std::string& version) {
        auto with_version = request("dev1", {leaf_.certificate});
        with_version.api_version = version;
        const auto accepted = run(registrations_.register_device(with_version, {}));
        EXPECT_TRUE(accepted) << why(accepted);
        const auto final = run(registrations_.operation_status(with_version, text_at(*accepted, "/operationId")));
        EXPECT_TRUE(final) << why(final);
        const auto looked_up = run(registrations_.lookup(with_version));
        EXPECT_EQ(text_at(final->at("registrationState"), "/trustBundle"), text_at(*looked_up, "/trustBundle"));
        return final->at("registrationState");
    }

    const test::Authority root_ = pki_.root();
    const test::Authority gateway_ = pki_.root("Gateway root");
    const test::Authority next_ = pki_.root("Next gateway root");
    const test::Authority leaf_ = pki_.leaf(&root_, "dev1");
    TrustBundles bundles_{*store_, clock_, random_};
};

TEST_F(TrustBundleTest, ComesBackAsTheApiHasIt) {
    const auto made = write("gateways", {gateway_.certificate, next_.certificate});
    ASSERT_TRUE(made) << why(made);
    EXPECT_EQ(text_at(*made, "/id"), "gateways");
    EXPECT_EQ(text_at(*made, "/certificates/0/certificate"), gateway_.certificate.pem());
    EXPECT_EQ(text_at(*made, "/certificates/1/metadata/subjectName"), "CN=Next gateway root");
    EXPECT_EQ(text_at(*made, "/certificates/1/metadata/sha256Thumbprint"), next_.certificate.sha256_thumbprint());
    EXPECT_EQ(text_at(*made, "/createdDateTime"), "2026-11-24T06:00:00.0000000Z");
    const auto shown = run(bundles_.get("GATEWAYS"));
    ASSERT_TRUE(shown);
    EXPECT_EQ(json::serialize(*shown), json::serialize(*made));
    const auto listed = run(bundles_.query({{"query", "SELECT *"}}, {}, false));
    ASSERT_TRUE(listed && listed->items.size() == 1);
    EXPECT_EQ(text_at(listed->items[0], "/certificates/0/certificate"), "(absent)");
    EXPECT_EQ(text_at(listed->items[0], "/certificates/0/metadata/subjectName"), "CN=Gateway root");
    const auto whole = run(bundles_.query({}, {}, true));
    EXPECT_EQ(text_at(whole->items[0], "/certificates/0/certificate"), gateway_.certificate.pem());
}

TEST_F(TrustBundleTest, ChangesUnderItsEtag) {
    const auto made = write("gateways", {gateway_.certificate});
    ASSERT_TRUE(made);
    EXPECT_EQ(number(write("gateways", {next_.certificate}, "\"old\"")), code::precondition_failed);
    EXPECT_EQ(number(write("others", {next_.certificate}, "*")), code::not_found);
    const auto changed = write("gateways", {next_.certificate}, text_at(*made, "/etag"));
    ASSERT_TRUE(changed) << why(changed);
    EXPECT_EQ(number(run(bundles_.remove("gateways", text_at(*made, "/etag")))), code::precondition_failed);
    EXPECT_TRUE(run(bundles_.remove("gateways", text_at(*changed, "/etag"))));
    EXPECT_EQ(number(run(bundles_.get("gateways"))), code::not_found);
    EXPECT_EQ(number(run(bundles_.remove("gateways", std::nullopt))), code::not_found);
}

TEST_F(TrustBundleTest, IsGivenToTheDevicesOfItsEnrollments) {
    ASSERT_TRUE(write("gateways", {gateway_.certificate}));
    ASSERT_TRUE(put_group("plant", root_.certificate, {{"trustBundleId", "Gateways"}}));
    EXPECT_EQ(text_at(told("2021-11-01-preview"), "/trustBundle/id"), "gateways");
    EXPECT_EQ(text_at(told("2025-07-01-preview"), "/trustBundle/certificates/0/certificate"),
              gateway_.certificate.pem());
    for (const auto* older : {"2019-03-31", "2021-06-01", "2021-10-01"})
        EXPECT_EQ(text_at(told(older), "/trustBundle"), "(absent)") << older;
    ASSERT_TRUE(write("gateways", {next_.certificate}));
    EXPECT_EQ(text_at(told("2021-11-01-preview"), "/trustBundle/certificates/0/certificate"), next_.certificate.pem());

    ASSERT_TRUE(put_individual("dev1", leaf_.certificate));
    EXPECT_EQ(text_at(told("2021-11-01-preview"), "/trustBundle"), "(absent)") << "its own enrollment names none";
    ASSERT_TRUE(put_individual("dev1", leaf_.certificate, {{"trustBundleId", "gateways"}}));
    EXPECT_EQ(text_at(told("2021-11-01-preview"), "/trustBundle/id"), "gateways");
}

TEST_F(TrustBundleTest, IsNotDeletedWhileItIsNamed) {
    EXPECT_THAT(why(put_group("plant", root_.certificate, {{"trustBundleId", "gateways"}})),
                HasSubstr("names the trust bundle 'gateways', which is not there"));
    ASSERT_TRUE(write("gateways", {gateway_.certificate}));
    ASSERT_TRUE(put_group("plant", root_.certificate, {{"trustBundleId", "gateways"}}));
    ASSERT_TRUE(put_individual("dev1", leaf_.certificate, {{"trustBundleId", "GATEWAYS"}}));
    const auto refused = run(bundles_.remove("gateways", std::nullopt));
    EXPECT_EQ(number(refused), code::certificate_in_use);
    EXPECT_THAT(why(refused), HasSubstr("plant, dev1"));
    ASSERT_TRUE(put_group("plant", root_.certificate));
    ASSERT_TRUE(run(enrollments_.remove(EnrollmentKind::individual, "dev1", std::nullopt)));
    EXPECT_TRUE(run(bundles_.remove("gateways", std::nullopt)));
}

TEST_F(TrustBundleTest, WhatIsNoneIsRefused) {
    const auto refused = [&](json::object body) { return why(run(bundles_.put("b", std::move(body), std::nullopt))); };
    EXPECT_THAT(refused({}), HasSubstr("must be an array"));
    EXPECT_THAT(refused({{"certificates", json::array()}}), HasSubstr("at least one"));
    EXPECT_THAT(refused({{"certificates", {{{"certificate", "x"}}}}}), HasSubstr("\"certificates\"[0]"));
    EXPECT_THAT(refused({{"certificates", {"x"}}}), HasSubstr("must be an object"));
    const std::vector<pki::Certificate> many(100, gateway_.certificate);
    EXPECT_THAT(refused(body_of(many)), HasSubstr("more than 32768 bytes"));
    const auto tiny = pki::Certificate::from_pem(tiny_pem);
    ASSERT_TRUE(tiny) << why(tiny);
    EXPECT_TRUE(write("many", std::vector(64, *tiny)));
    EXPECT_THAT(refused(body_of(std::vector(65, *tiny))), HasSubstr("more than 64 certificates"));
    std::string umlauts;
    for (int i = 0; i < 30; ++i) umlauts += "\xC3\xA4";
    EXPECT_THAT(refused(body_of(std::vector(39, pki_.root(umlauts).certificate))), HasSubstr("are the most"));
    EXPECT_EQ(run(bundles_.query({}, {}, true))->items.size(), 1U) << "what is refused is not kept";
    EXPECT_EQ(number(write("bad/name", {gateway_.certificate})), code::invalid_body);
}

}  // namespace
}  // namespace muster::provisioning
