// Whom the authority issues to.
#include "authority_fixture.h"

namespace muster::authority {
namespace {

using ::testing::HasSubstr;

class EnrolmentTest : public AuthorityFixture {
protected:
    explicit EnrolmentTest(Policy policy = {}) : AuthorityFixture(std::move(policy)) {
        switch_on();
        put_group("plant", &factory_.certificate);
    }

    test::Authority factory_ = pki_.root("Factory");
};

TEST_F(EnrolmentTest, ABootstrapCertificateEnrolsItsOwnName) {
    const auto bootstrap = pki_.leaf(&factory_, "dev-1");
    const auto made = enrol("dev-1", new_key(), {bootstrap.certificate}, "plant");
    ASSERT_TRUE(made) << why(made);
    EXPECT_EQ(made->common_name(), "dev-1");
    EXPECT_TRUE(enrol("DEV-1", new_key(), {bootstrap.certificate})) << "names are compared without case";

    const auto other = enrol("dev-2", new_key(), {bootstrap.certificate}, "plant");
    EXPECT_EQ(code(other), Errc::forbidden);
    EXPECT_THAT(why(other), HasSubstr("is for 'dev-2', the presented certificate for 'dev-1'"));
}

TEST_F(EnrolmentTest, StrangersAndWrongLabelsAreTurnedAway) {
    const auto stranger = pki_.leaf(nullptr, "dev-1");
    EXPECT_EQ(code(enrol("dev-1", new_key(), {stranger.certificate})), Errc::unauthorized);
    EXPECT_EQ(code(enrol("dev-1", new_key(), {})), Errc::unauthorized);
    const auto bootstrap = pki_.leaf(&factory_, "dev-1");
    put_group("ship");
    EXPECT_EQ(code(enrol("dev-1", new_key(), {bootstrap.certificate}, "ship")), Errc::forbidden);
}

TEST_F(EnrolmentTest, ADisabledGroupAndAnIndividualEnrollmentStopIt) {
    const auto bootstrap = pki_.leaf(&factory_, "dev-1");
    put_group("plant", &factory_.certificate, "disabled");
    EXPECT_THAT(why(enrol("dev-1", new_key(), {bootstrap.certificate})), HasSubstr("is disabled"));
    put_group("plant", &factory_.certificate);
    write([](store::Tx& tx) { return tx.enrollments().put({.id = "dev-1", .etag = "e", .body = "{}"}); });
    EXPECT_THAT(why(enrol("dev-1", new_key(), {bootstrap.certificate})), HasSubstr("individual enrollment"));
}

TEST_F(EnrolmentTest, WhatWasIssuedRenewsItselfUntilItIsRevoked) {
    const auto bootstrap = pki_.leaf(&factory_, "dev-1");
    const auto first = enrol("dev-1", new_key(), {bootstrap.certificate}, "plant");
    ASSERT_TRUE(first) << why(first);
    const auto second = enrol("dev-1", new_key(), {*first}, "plant", true);
    ASSERT_TRUE(second) << why(second);
    // The stock client renews through simpleenroll.
    EXPECT_TRUE(enrol("dev-1", new_key(), {*second}, "plant"));
    EXPECT_EQ(code(enrol("dev-2", new_key(), {*second}, "plant")), Errc::forbidden);

    ASSERT_TRUE(revoke(*first));
    const auto refused = enrol("dev-1", new_key(), {*first}, "plant", true);
    EXPECT_EQ(code(refused), Errc::unauthorized);
    EXPECT_THAT(why(refused), HasSubstr("was revoked at"));
    EXPECT_TRUE(enrol("dev-1", new_key(), {*second}, "plant", true)) << "only that one was revoked";

    clock_.advance(std::chrono::days(91));
    EXPECT_THAT(why(enrol("dev-1", new_key(), {*second}, "plant", true)), HasSubstr("expired at"));
}

TEST_F(EnrolmentTest, ARenewalKeepsTheSubject) {
    const auto bootstrap = pki_.leaf(&factory_, "dev-1");
    const auto key = new_key();
    const auto first = ask({.csr = csr("dev-1", key, {{"O", "Plant"}}), .chain = {bootstrap.certificate}});
    ASSERT_TRUE(first) << why(first);
    EXPECT_EQ(first->subject(), "CN=dev-1,O=Plant");
    const auto other = ask({.csr = csr("dev-1", key), .renews = true, .chain = {*first}});
    EXPECT_THAT(why(other), HasSubstr("keeps the subject"));
    const auto same = ask({.csr = csr("dev-1", key, {{"O", "Plant"}}), .renews = true, .chain = {*first}});
    EXPECT_TRUE(same) << why(same);
}

TEST_F(EnrolmentTest, WhatWasIssuedUnderAGroupEndsWithIt) {
    put_group("ship");
    const auto made = enrol_by_password("dev-9", new_key(), "dev-9", password("dev-9", "ship"));
    ASSERT_TRUE(made) << why(made);
    write([](store::Tx& tx) -> Result<> {
        MUSTER_CHECK(tx.enrollment_groups().erase("ship"));
        return {};
    });
    ASSERT_TRUE(run(groups_.refresh()));
    EXPECT_THAT(why(enrol("dev-9", new_key(), {*made})), HasSubstr("'ship' that it was issued under is gone"));
}

TEST_F(EnrolmentTest, AOneTimePasswordIsSpentOnce) {
    const auto secret = password("dev-1", "plant");
    const auto key = new_key();
    EXPECT_EQ(code(enrol_by_password("dev-1", key, "dev-1", "wrong")), Errc::unauthorized);
    EXPECT_EQ(code(enrol_by_password("dev-2", key, "dev-2", secret)), Errc::unauthorized);
    EXPECT_EQ(code(enrol_by_password("dev-2", key, "dev-1", secret)), Errc::forbidden);
    EXPECT_EQ(code(enrol_by_password("dev-1", key, "dev-1", secret, "ship")), Errc::forbidden);

    const auto made = enrol_by_password("dev-1", key, "dev-1", secret, "plant");
    ASSERT_TRUE(made) << why(made);
    // The answer may have been lost: the same key gets the same certificate, another key none.
    const auto again = enrol_by_password("dev-1", key, "dev-1", secret, "plant");
    ASSERT_TRUE(again) << why(again);
    EXPECT_EQ(again->der(), made->der());
    EXPECT_THAT(why(enrol_by_password("dev-1", new_key(), "dev-1", secret)), HasSubstr("was used already"));
    ASSERT_TRUE(revoke(*made));
    EXPECT_FALSE(enrol_by_password("dev-1", key, "dev-1", secret));
}

TEST_F(EnrolmentTest, AOneTimePasswordEndsAndIsReplacedAndWithdrawn) {
    const auto key = new_key();
    const auto first = password("dev-1", "plant", std::chrono::hours(1));
    const auto second = password("dev-1", "plant", std::chrono::hours(1));
    EXPECT_FALSE(enrol_by_password("dev-1", key, "dev-1", first)) << "a new one takes its place";
    clock_.advance(std::chrono::hours(2));
    EXPECT_THAT(why(enrol_by_password("dev-1", key, "dev-1", second)), HasSubstr("ended at"));
    const auto third = password("dev-1", "plant");
    ASSERT_TRUE(run(passwords_.withdraw("DEV-1", {})));
    EXPECT_FALSE(enrol_by_password("dev-1", key, "dev-1", third));
    EXPECT_EQ(code(run(passwords_.withdraw("dev-1", {}))), Errc::not_found);
    EXPECT_EQ(code(run(passwords_.make("dev-1", "nowhere", std::chrono::hours(1), {}))), Errc::not_found);
    EXPECT_EQ(code(run(passwords_.make("dev-1", "plant", std::chrono::days(91), {}))), Errc::invalid_argument);
}

TEST_F(EnrolmentTest, ACertificateCountsBeforeAPassword) {
    const auto secret = password("dev-1", "plant");
    const auto first = enrol_by_password("dev-1", new_key(), "dev-1", secret);
    ASSERT_TRUE(first);
    // The device's configuration still has the spent password; its certificate renews.
    const auto renewed = ask({.csr = csr("dev-1", new_key()),
                              .renews = true,
                              .chain = {*first},
                              .user = "dev-1",
                              .password = Secret(std::string_view(secret))});
    EXPECT_TRUE(renewed) << why(renewed);
}

TEST_F(EnrolmentTest, AFaultOfTheServiceIsNoRefusal) {
    const auto bootstrap = pki_.leaf(&factory_, "dev-1");
    write([&](store::Tx& tx) -> Result<> {
        MUSTER_TRY(auto group, tx.enrollment_groups().find("plant"));
        group->body = "broken";
        return tx.enrollment_groups().put(*group);
    });
    const auto failed = ask({.csr = csr("dev-1", new_key()),
                             .chain = {bootstrap.certificate},
                             .user = "dev-1",
                             .password = Secret(std::string_view("wrong"))});
    EXPECT_FALSE(failed);
    EXPECT_NE(code(failed), Errc::unauthorized) << why(failed);
}

TEST_F(EnrolmentTest, ADeviceThatAsksWithoutEndIsStopped) {
    const auto bootstrap = pki_.leaf(&factory_, "dev-1");
    const auto key = new_key();
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(enrol("dev-1", key, {bootstrap.certificate}));
    EXPECT_EQ(code(enrol("dev-1", key, {bootstrap.certificate})), Errc::throttled);
    clock_.advance(std::chrono::hours(25));
    EXPECT_TRUE(enrol("dev-1", key, {bootstrap.certificate}));
}

TEST_F(EnrolmentTest, ItsGroupMayTakeNoMoreForNow) {
    const auto bootstrap = pki_.leaf(&factory_, "dev-1");
    std::vector<std::string> counted;
    const auto ask_group = [&](bool takes_more) {
        provisioning::EnrolmentRequest request{.csr = csr("dev-1", new_key()), .chain = {bootstrap.certificate}};
        request.admit_group = [&, takes_more](const std::string& group) -> Result<> {
            counted.push_back(group);
            return takes_more ? Result<>() : fail(Errc::throttled, "the limit is reached");
        };
        return ask(std::move(request));
    };
    EXPECT_TRUE(ask_group(true));
    EXPECT_EQ(code(ask_group(false)), Errc::throttled);
    EXPECT_THAT(counted, ::testing::ElementsAre("plant", "plant")) << "once for each";
    EXPECT_EQ(run(certificates_.list({}, "", 10))->items.size(), 1u);
}

TEST_F(EnrolmentTest, IssuingIsInTheJournal) {
    const auto bootstrap = pki_.leaf(&factory_, "dev-1");
    const auto made = enrol("dev-1", new_key(), {bootstrap.certificate});
    ASSERT_TRUE(made);
    ASSERT_TRUE(revoke(*made));
    settle();
    std::vector<std::string> types;
    write([&](store::Tx& tx) -> Result<> {
        types.clear();
        MUSTER_TRY(const auto entries, tx.journal().after(0, 100));
        for (const auto& entry : entries) types.push_back(entry.type);
        return {};
    });
    EXPECT_THAT(types, ::testing::ElementsAre("authority.created", "certificate.issued", "certificate.revoked"));
}

class OneKindOfKeyTest : public EnrolmentTest {
protected:
    OneKindOfKeyTest() : EnrolmentTest({.key = pki::KeySpec{pki::KeyAlgorithm::ec, 384}}) {}
};

TEST_F(OneKindOfKeyTest, OthersAreRefused) {
    const auto bootstrap = pki_.leaf(&factory_, "dev-1");
    EXPECT_THAT(why(enrol("dev-1", new_key(), {bootstrap.certificate})), HasSubstr("kind ec:p256, and this authority"));
    EXPECT_TRUE(enrol("dev-1", new_key({pki::KeyAlgorithm::ec, 384}), {bootstrap.certificate}));
}

class SharedBootstrapTest : public EnrolmentTest {
protected:
    SharedBootstrapTest() : EnrolmentTest({.shared_bootstrap = true}) {}
};

TEST_F(SharedBootstrapTest, EnrolsNewNamesAndNoKnownOnes) {
    const auto shared = pki_.leaf(&factory_, "bootstrap");
    const auto key = new_key();
    const auto made = enrol("dev-1", key, {shared.certificate});
    ASSERT_TRUE(made) << why(made);
    // The answer may have been lost: the same key gets the same certificate.
    const auto again = enrol("dev-1", key, {shared.certificate});
    ASSERT_TRUE(again) << why(again);
    EXPECT_EQ(again->der(), made->der());
    EXPECT_THAT(why(enrol("dev-1", new_key(), {shared.certificate})), HasSubstr("is known already"));
    EXPECT_TRUE(enrol("dev-1", new_key(), {*made}));
    EXPECT_EQ(code(enrol("dev-2", new_key(), {*made})), Errc::forbidden) << "no bootstrap certificate";
    write([](store::Tx& tx) { return tx.registrations().put({.id = "dev-3", .etag = "e", .status = "assigned"}); });
    EXPECT_EQ(code(enrol("dev-3", new_key(), {shared.certificate})), Errc::forbidden);
}

TEST_F(SharedBootstrapTest, ANameOfAnIdentityOrOfAPasswordIsNotFree) {
    const auto shared = pki_.leaf(&factory_, "bootstrap");
    write([](store::Tx& tx) { return tx.identities().insert({.device_id = "dev-4", .status = "enabled"}); });
    EXPECT_THAT(why(enrol("dev-4", new_key(), {shared.certificate})), HasSubstr("is known already"));
    const auto secret = password("dev-5", "plant");
    EXPECT_THAT(why(enrol("dev-5", new_key(), {shared.certificate})), HasSubstr("is known already"));
    // The one that it was made for has it.
    EXPECT_TRUE(ask({.csr = csr("dev-5", new_key()),
                     .chain = {shared.certificate},
                     .user = "dev-5",
                     .password = Secret(std::string_view(secret))}));
    ASSERT_FALSE(password("dev-6", "plant").empty());
    clock_.advance(std::chrono::hours(2));
    EXPECT_TRUE(enrol("dev-6", new_key(), {shared.certificate})) << "the password has ended";
}

}  // namespace
}  // namespace muster::authority
