#include "provisioning/events.h"
#include "unit_provisioning/provisioning_fixture.h"

namespace muster::provisioning {
namespace {

using test::object;
using test::text_at;

class AuditTest : public ProvisioningFixture {
protected:
    json::array changes(AuditRequest request = {}) {
        settle();
        auto page = run(events_.audit(std::move(request)));
        EXPECT_TRUE(page) << why(page);
        return page ? std::move(page->changes) : json::array();
    }
    // "type subject" of every change, oldest first.
    std::vector<std::string> told(AuditRequest request = {}) {
        std::vector<std::string> out;
        for (const auto& change : changes(std::move(request)))
            out.push_back(fmt::format("{} {}", text_at(change, "/type"), text_at(change, "/subject")));
        std::ranges::reverse(out);
        return out;
    }
    json::object key_enrollment(std::string_view id) {
        return {{"registrationId", id}, {"attestation", {{"type", "symmetricKey"}}}};
    }
    using Strings = std::vector<std::string>;

    const store::Origin by_{"helpdesk", "192.0.2.7:99", "tracking-1"};
    Events events_{*store_};
};

TEST_F(AuditTest, AChangeIsThereWithWhoFromWhereAndTheEtags) {
    const auto created =
        run(enrollments_.put(EnrollmentKind::individual, "dev1", key_enrollment("dev1"), std::nullopt, by_));
    ASSERT_TRUE(created) << why(created);
    auto body = key_enrollment("dev1");
    body["provisioningStatus"] = "disabled";
    const auto updated = run(enrollments_.put(EnrollmentKind::individual, "dev1", body, std::nullopt, by_));
    ASSERT_TRUE(updated);
    ASSERT_TRUE(run(enrollments_.remove(EnrollmentKind::individual, "dev1", std::nullopt, by_)));
    EXPECT_EQ(told(), (Strings{"enrollment.created dev1", "enrollment.updated dev1", "enrollment.deleted dev1"}));
    const auto all = changes();
    EXPECT_EQ(text_at(all, "/1/actor"), "helpdesk");
    EXPECT_EQ(text_at(all, "/1/peer"), "192.0.2.7:99");
    EXPECT_EQ(text_at(all, "/1/trackingId"), "tracking-1");
    EXPECT_EQ(text_at(all, "/1/detail/etagBefore"), text_at(*created, "/etag"));
    EXPECT_EQ(text_at(all, "/1/detail/etagAfter"), text_at(*updated, "/etag"));
    EXPECT_EQ(text_at(all, "/1/detail/changed"), R"(["provisioningStatus"])");
}

TEST_F(AuditTest, KeysAreNeverInIt) {
    const auto created = run(enrollments_.put(EnrollmentKind::individual, "dev1", key_enrollment("dev1"), {}, by_));
    ASSERT_TRUE(created);
    auto rolled = key_enrollment("dev1");
    rolled["attestation"].as_object()["symmetricKey"] = {{"primaryKey", base64_encode(Bytes(32, 9))}};
    ASSERT_TRUE(run(enrollments_.put(EnrollmentKind::individual, "dev1", rolled, {}, by_)));
    const auto text = json::serialize(changes());
    for (const auto& key : {text_at(*created, "/attestation/symmetricKey/primaryKey"),
                            text_at(*created, "/attestation/symmetricKey/secondaryKey"), base64_encode(Bytes(32, 9))})
        EXPECT_EQ(text.find(key), std::string::npos);
    EXPECT_EQ(text_at(changes(), "/0/detail/changed"), R"(["attestation.symmetricKey"])");
}

TEST_F(AuditTest, WhatIsRefusedIsNoChange) {
    EXPECT_FALSE(run(enrollments_.put(EnrollmentKind::individual, "dev1", object("{}"), std::nullopt, by_)));
    ASSERT_TRUE(run(enrollments_.put(EnrollmentKind::individual, "dev1", key_enrollment("dev1"), {}, by_)));
    EXPECT_FALSE(run(enrollments_.put(EnrollmentKind::individual, "dev1", key_enrollment("dev1"), "\"old\"", by_)));
    EXPECT_FALSE(run(enrollments_.remove(EnrollmentKind::individual, "nobody", std::nullopt, by_)));
    EXPECT_EQ(told(), Strings{"enrollment.created dev1"});
}

TEST_F(AuditTest, BulkItemsAreChangesEachForItself) {
    json::array items{key_enrollment("one"), object(R"({"registrationId":"two"})"), key_enrollment("three")};
    const auto result = run(
        enrollments_.bulk(EnrollmentKind::individual, {{"mode", "create"}, {"enrollments", std::move(items)}}, by_));
    ASSERT_TRUE(result) << why(result);
    EXPECT_EQ(text_at(*result, "/isSuccessful"), "false");
    EXPECT_EQ(text_at(*result, "/errors/0/registrationId"), "two");
    // All at once: under several writers in any order.
    EXPECT_THAT(told(), ::testing::UnorderedElementsAre("enrollment.created one", "enrollment.created three"));
}

TEST_F(AuditTest, CaCertificatesAndDevicesAreInIt) {
    const auto root = pki_.root();
    const json::object ca{{"properties", {{"certificate", root.certificate.pem()}, {"isVerified", false}}}};
    ASSERT_TRUE(run(certificates_.put("root", ca, std::nullopt, by_)));
    ASSERT_TRUE(run(certificates_.make_verification_code("root", "*", by_)));
    ASSERT_TRUE(run(certificates_.remove("root", std::nullopt, by_)));
    const auto device = object(R"({"deviceId":"d1","authentication":{"type":"sas"}})");
    ASSERT_TRUE(run(registry_.put_device("d1", device, std::nullopt, by_)));
    ASSERT_TRUE(run(registry_.put_device("d1", object(R"({"deviceId":"d1","status":"disabled"})"), "*", by_)));
    ASSERT_TRUE(run(registry_.delete_device("d1", "*", by_)));
    EXPECT_FALSE(run(registry_.delete_device("d1", "*", by_)));
    EXPECT_EQ(told(),
              (Strings{"certificate.created root", "certificate.verificationCodeMade root", "certificate.deleted root",
                       "device.created d1", "device.updated d1", "device.deleted d1"}));
    EXPECT_EQ(text_at(changes(), "/1/detail/status"), "disabled");
}

TEST_F(AuditTest, RegistrationsAreEventsAndNoChanges) {
    const auto root = pki_.root();
    const auto leaf = pki_.leaf(&root, "dev1");
    ASSERT_TRUE(put_group("plant", root.certificate));
    ASSERT_TRUE(register_with("dev1", {leaf.certificate}));
    EXPECT_EQ(told(), Strings{"enrollmentGroup.created plant"});
    settle();
    const auto page = run(events_.read({.last = 10, .types = {"registration"}}));
    ASSERT_TRUE(page);
    ASSERT_EQ(page->events.size(), 1u);
    EXPECT_EQ(text_at(page->events, "/0/type"), "registration.assigned");
    EXPECT_EQ(text_at(page->events, "/0/detail/enrollmentGroupId"), "plant");
    EXPECT_EQ(text_at(page->events, "/0/trackingId"), "t");
}

TEST_F(AuditTest, PagesAndFilters) {
    for (int i = 0; i < 9; ++i) {
        const auto id = fmt::format("dev{}", i);
        const store::Origin by{i % 2 == 0 ? "even" : "odd", {}, {}};
        ASSERT_TRUE(run(enrollments_.put(EnrollmentKind::individual, id, key_enrollment(id), {}, by)));
        clock_.advance(std::chrono::minutes(1));
    }
    EXPECT_EQ(told({.actor = "odd"}).size(), 4u);
    EXPECT_EQ(told({.subject = "DEV3"}), Strings{"enrollment.created dev3"});
    EXPECT_EQ(told({.since = clock_.now() - std::chrono::minutes(2)}).size(), 2u);
    EXPECT_TRUE(told({.types = {"device"}}).empty());
    std::vector<std::string> seen;
    std::optional<std::int64_t> place;
    do {
        const auto page = run(events_.audit({.before = place, .limit = 4}));
        ASSERT_TRUE(page);
        for (const auto& change : page->changes) seen.push_back(text_at(change, "/subject"));
        place = page->next;
    } while (place);
    EXPECT_EQ(seen, (Strings{"dev8", "dev7", "dev6", "dev5", "dev4", "dev3", "dev2", "dev1", "dev0"}));
}

}  // namespace
}  // namespace muster::provisioning
