#include "unit_provisioning/provisioning_fixture.h"

namespace muster::provisioning {
namespace {

using test::object;
using test::text_at;

class ExplainTest : public ProvisioningFixture {
protected:
    json::value explain(std::string id, pki::CertificateChain chain) {
        auto result = run(registrations_.explain(request(std::move(id), std::move(chain))));
        EXPECT_TRUE(result) << why(result);
        return result ? json::value(std::move(*result)) : json::value(json::object());
    }
    // "outcome: detail" of one check.
    static std::string check(const json::value& result, std::string_view name) {
        for (const auto& each : result.at("checks").as_array())
            if (text_at(each, "/check") == name)
                return fmt::format("{}: {}", text_at(each, "/outcome"), text_at(each, "/detail"));
        return "(no such check)";
    }
    static bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

    const test::Authority root_ = pki_.root();
    const test::Authority middle_ = pki_.intermediate(root_, "Middle");
    const test::Authority leaf_ = pki_.leaf(&middle_, "dev1");
    const pki::CertificateChain chain_{leaf_.certificate, middle_.certificate};
};

TEST_F(ExplainTest, NothingShownIsNoTest) {
    const auto result = run(registrations_.explain(request("dev1", {})));
    EXPECT_EQ(number(result), code::invalid_body);
}

TEST_F(ExplainTest, SaysWhichGroupDecidesAndRegistersNothing) {
    ASSERT_TRUE(put_group("plant", root_.certificate, object(R"({"capabilities":{"iotEdge":true}})")));
    const auto result = explain("dev1", chain_);
    EXPECT_EQ(text_at(result, "/outcome"), "registered") << json::serialize(result);
    EXPECT_EQ(text_at(result, "/enrollment/kind"), "group");
    EXPECT_EQ(text_at(result, "/enrollment/id"), "plant");
    EXPECT_EQ(text_at(result, "/deviceId"), "dev1");
    EXPECT_EQ(text_at(result, "/iotEdge"), "true");
    EXPECT_TRUE(has(check(result, "enrollment group"), "passed: the chain leads to the group 'plant'"));
    EXPECT_TRUE(has(check(result, "individual enrollment"), "skipped"));
    EXPECT_FALSE(run(enrollments_.get_registration("dev1")));
    EXPECT_FALSE(run(registry_.get_device("dev1")));
}

TEST_F(ExplainTest, SaysWhatTheChainLacks) {
    ASSERT_TRUE(put_group("plant", root_.certificate));
    const auto result = explain("dev1", {leaf_.certificate});
    EXPECT_EQ(text_at(result, "/outcome"), "refused");
    EXPECT_TRUE(has(check(result, "enrollment group"), "failed: ")) << json::serialize(result);
    EXPECT_TRUE(has(check(result, "enrollment group"), "Middle"));
    EXPECT_TRUE(has(check(result, "credential"), "passed"));
}

TEST_F(ExplainTest, SaysThatTheNamesDiffer) {
    ASSERT_TRUE(put_group("plant", root_.certificate));
    const auto result = explain("other", chain_);
    EXPECT_EQ(text_at(result, "/outcome"), "refused");
    EXPECT_TRUE(has(check(result, "request"), "failed: the certificate's common name 'dev1'"));
    EXPECT_TRUE(has(check(result, "enrollment group"), "passed")) << "the other checks are made all the same";
}

TEST_F(ExplainTest, SaysThatTheIndividualEnrollmentHoldsAnotherCertificate) {
    ASSERT_TRUE(put_group("plant", root_.certificate));
    ASSERT_TRUE(put_individual("dev1", pki_.leaf(nullptr, "dev1").certificate));
    const auto result = explain("dev1", chain_);
    EXPECT_EQ(text_at(result, "/outcome"), "refused");
    EXPECT_TRUE(has(check(result, "individual enrollment"), "failed: 'dev1' attests by x509 and does not hold this"));
    EXPECT_TRUE(has(check(result, "enrollment"), "failed"));
}

TEST_F(ExplainTest, SaysThatTheEnrollmentIsDisabledAndWhatIsRegistered) {
    ASSERT_TRUE(put_group("plant", root_.certificate));
    ASSERT_TRUE(register_with("dev1", chain_));
    ASSERT_TRUE(put_group("plant", root_.certificate, object(R"({"provisioningStatus":"disabled"})")));
    const auto result = explain("dev1", chain_);
    EXPECT_EQ(text_at(result, "/outcome"), "disabled");
    EXPECT_TRUE(has(check(result, "provisioning status"), "failed"));
    EXPECT_EQ(text_at(result, "/registrationState/status"), "assigned");
}

TEST_F(ExplainTest, SaysThatACertificateHasExpired) {
    ASSERT_TRUE(put_group("plant", root_.certificate));
    clock_.set(leaf_.certificate.not_after() + std::chrono::days(1));
    const auto result = explain("dev1", chain_);
    EXPECT_EQ(text_at(result, "/outcome"), "refused");
    EXPECT_TRUE(has(check(result, "credential"), "expired at"));
}

TEST_F(ExplainTest, AGroupsLimitIsAskedBeforeAnythingIsWritten) {
    ASSERT_TRUE(put_group("plant", root_.certificate));
    auto asked = request("dev1", chain_);
    std::string group;
    asked.admit_group = [&](const std::string& id) -> Result<> {
        group = id;
        return fail(Errc::throttled, "later");
    };
    const auto refused = run(registrations_.register_device(std::move(asked), {}));
    EXPECT_EQ(number(refused), code::throttled);
    EXPECT_EQ(group, "plant");
    EXPECT_FALSE(run(enrollments_.get_registration("dev1")));
}

}  // namespace
}  // namespace muster::provisioning
