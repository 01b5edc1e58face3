// Revocation lists that are fetched by themselves.
#include "provisioning/crl_refresh.h"
#include "authority_fixture.h"

namespace muster::authority {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto url = "http://ca.test/plant.crl";

class CrlRefreshTest : public AuthorityFixture {
protected:
    CrlRefreshTest() {
        put_group("plant", &root_.certificate);
        publish({});
    }

    // What stands at the address from now on.
    void publish(const std::vector<pki::Certificate>& revoked, const test::Authority* by = nullptr,
                 seconds life = hours(48), seconds age = seconds(0)) {
        const auto& issuer = by != nullptr ? *by : root_;
        pki::CrlContent content{.entries = {}, .number = 1, .this_update = clock_.now() - age, .next_update = {}};
        content.next_update = content.this_update + life;
        for (const auto& certificate : revoked)
            content.entries.push_back(
                {certificate.serial_hex(), content.this_update, pki::RevocationReason::key_compromise});
        fetcher_.lists[url] = base64_encode(*pki::make_crl(content, {issuer.certificate, issuer.key}));
    }
    Result<json::object> put(json::object body = {}) {
        body["url"] = url;
        return run(group_crls_.put("plant", std::move(body), {}));
    }
    // As many as are due.
    int refresh() {
        int fetched = 0;
        while (run(refresh_.refresh_next())) ++fetched;
        return fetched;
    }
    json::object shown() {
        const auto lists = run(group_crls_.list("plant"));
        EXPECT_TRUE(lists && lists->size() == 1);
        return lists && lists->size() == 1 ? lists->at(0).as_object() : json::object();
    }
    bool lets_in(const test::Authority& device) {
        pki::VerifiedSignatures verified;
        return provisioning::judge_chain({device.certificate}, *groups_.current(), verified, clock_.now())
            .group.has_value();
    }
    std::vector<std::string> events() {
        settle();
        const auto entries = run(store_->read([](store::Tx& tx) { return tx.journal().after(0, 100); }));
        std::vector<std::string> told;
        for (const auto& entry : *entries)
            if (entry.actor.empty()) told.push_back(entry.type);
        return told;
    }

    net::Reactors thread_{1};
    test::Authority root_ = pki_.root("Plant root");
    test::Authority device_ = pki_.leaf(&root_, "dev");
    test::Authority other_ = pki_.leaf(&root_, "other");
    provisioning::CrlRefresh refresh_{*store_, groups_, fetcher_, clock_, random_, thread_.at(0).get_executor()};
};

TEST_F(CrlRefreshTest, IsFetchedWhenItIsGivenAndInTime) {
    const auto made = put();
    ASSERT_TRUE(made) << why(made);
    EXPECT_EQ(test::text_at(*made, "/url"), url);
    EXPECT_EQ(test::text_at(*made, "/refreshSeconds"), "3600");
    EXPECT_TRUE(lets_in(device_));
    EXPECT_EQ(refresh(), 0);

    publish({device_.certificate});
    clock_.advance(minutes(59));
    EXPECT_EQ(refresh(), 0);
    clock_.advance(minutes(2));
    EXPECT_EQ(refresh(), 1);
    EXPECT_FALSE(lets_in(device_));
    EXPECT_TRUE(lets_in(other_));
    EXPECT_EQ(test::text_at(shown(), "/entries"), "1");
    EXPECT_THAT(events(), ElementsAre("revocationList.fetched"));

    clock_.advance(minutes(61));
    EXPECT_EQ(refresh(), 1);
    EXPECT_THAT(events(), ElementsAre("revocationList.fetched")) << "the same list is no news";
}

TEST_F(CrlRefreshTest, TheLastGoodOneStaysWhileNoneCanBeHad) {
    ASSERT_TRUE(put({{"refreshSeconds", 600}}));
    publish({device_.certificate});
    clock_.advance(minutes(11));
    ASSERT_EQ(refresh(), 1);
    fetcher_.lists.clear();
    clock_.advance(minutes(11));
    EXPECT_EQ(refresh(), 1);
    EXPECT_FALSE(lets_in(device_));
    EXPECT_EQ(test::text_at(shown(), "/problem"), "nobody is there");
    EXPECT_EQ(refresh(), 0) << "it is not asked for without end";
    clock_.advance(minutes(2));
    EXPECT_EQ(refresh(), 1);
    EXPECT_EQ(test::text_at(shown(), "/failures"), "2");
    EXPECT_THAT(events(), ElementsAre("revocationList.fetched", "revocationList.fetchFailed"));

    publish({});
    clock_.advance(minutes(15));
    EXPECT_EQ(refresh(), 1);
    EXPECT_TRUE(lets_in(device_));
    EXPECT_EQ(test::text_at(shown(), "/problem"), "(absent)");
    EXPECT_EQ(events().size(), 3U);
}

TEST_F(CrlRefreshTest, NothingButALaterListOfTheSameCaTakesItsPlace) {
    const auto intermediate = pki_.intermediate(root_, "Plant line 1");
    publish({device_.certificate}, nullptr, hours(48), minutes(30));
    const json::object body{{"refreshSeconds", 60}, {"issuers", intermediate.certificate.pem()}};
    ASSERT_TRUE(put(body));
    const auto stays = [&](std::string_view because) {
        clock_.advance(hours(1));
        ASSERT_EQ(refresh(), 1);
        EXPECT_FALSE(lets_in(device_));
        EXPECT_THAT(test::text_at(shown(), "/problem"), HasSubstr(because));
    };
    publish({}, &intermediate);
    stays("it is a list of 'CN=Plant line 1' by now, and was one of 'CN=Plant root'");
    const auto stranger = pki_.root("Stranger");
    publish({}, &stranger);
    stays("was issued by 'CN=Stranger'");
    publish({}, nullptr, hours(48), hours(10));
    stays("the group has a newer revocation list");
    publish({}, nullptr, hours(48), -hours(2));
    stays("in the future");
    fetcher_.lists[url] = "<html>404</html>";
    stays("not a revocation list");
}

TEST_F(CrlRefreshTest, OneThatHasEndedIsUsedOnUnlessItMustBeCurrent) {
    publish({device_.certificate}, nullptr, hours(2));
    ASSERT_TRUE(put({{"mustBeCurrent", true}}));
    clock_.advance(hours(3));
    EXPECT_EQ(refresh(), 1);
    EXPECT_THAT(test::text_at(shown(), "/problem"), HasSubstr("it ended at"));
    EXPECT_FALSE(lets_in(other_)) << "the group wants a current list";
    publish({device_.certificate});
    clock_.advance(minutes(2));
    EXPECT_EQ(refresh(), 1);
    EXPECT_TRUE(lets_in(other_));
    EXPECT_FALSE(lets_in(device_));
}

TEST_F(CrlRefreshTest, ComesSoonerWhenTheListNearsItsEnd) {
    const auto now = clock_.now();
    const auto list = [&](seconds life) {
        pki::CrlContent content{.entries = {}, .number = 1, .this_update = now, .next_update = now + life};
        return *pki::RevocationList::from_der(*pki::make_crl(content, {root_.certificate, root_.key}));
    };
    EXPECT_EQ(provisioning::next_crl_fetch(list(hours(48)), hours(1), now), now + hours(1));
    EXPECT_EQ(provisioning::next_crl_fetch(list(hours(1)), hours(1), now), now + minutes(30));
    EXPECT_EQ(provisioning::next_crl_fetch(list(seconds(10)), hours(1), now), now + minutes(1));
    EXPECT_EQ(provisioning::next_crl_fetch(list(seconds(10)), seconds(30), now), now + seconds(30));
}

TEST_F(CrlRefreshTest, AnotherCaAtTheSameAddressIsGivenAnew) {
    const auto next = pki_.root("Next root");
    ASSERT_TRUE(put());
    publish({}, &next);
    EXPECT_THAT(why(put()), HasSubstr("is not signed by a CA of this group"));
    write([&](store::Tx& tx) -> Result<> {
        auto group = *tx.enrollment_groups().find("plant");
        group->secondary_certificate = next.certificate.der();
        return tx.enrollment_groups().put(*group);
    });
    ASSERT_TRUE(put());
    const auto lists = run(group_crls_.list("plant"));
    ASSERT_TRUE(lists && lists->size() == 2);
    int fetched = 0;
    for (const auto& list : *lists) fetched += list.as_object().contains("url") ? 1 : 0;
    EXPECT_EQ(fetched, 1) << "the former CA's list stays as it is";
}

TEST_F(CrlRefreshTest, FourAtATimeAreFetchedAsTheyAreSet) {
    // While it fetches one, another is set.
    class Nested final : public provisioning::CrlFetcher {
    public:
        Task<Result<pki::RevocationList>> fetch(std::string, std::string) override {
            const auto inner = co_await lists->put("plant", {{"url", url}}, {});
            if (!inner) outcomes.push_back(inner.error().chain());
            co_return fail(Errc::unavailable, "nobody is there");
        }
        provisioning::GroupCrls* lists = nullptr;
        std::vector<std::string> outcomes;
    };
    Nested nested;
    provisioning::GroupCrls lists(*store_, groups_, nested, clock_);
    nested.lists = &lists;
    for (int round = 0; round < 2; ++round) {
        nested.outcomes.clear();
        EXPECT_THAT(why(run(lists.put("plant", {{"url", url}}, {}))), HasSubstr("nobody is there"));
        ASSERT_EQ(nested.outcomes.size(), 4U);
        EXPECT_THAT(nested.outcomes.front(), HasSubstr("4 other revocation lists are being fetched"));
    }
}

TEST_F(CrlRefreshTest, ADeletedOneIsNotFetched) {
    const auto made = put();
    ASSERT_TRUE(made);
    ASSERT_TRUE(run(group_crls_.remove("plant", test::text_at(*made, "/issuerThumbprint"), {})));
    clock_.advance(hours(2));
    EXPECT_EQ(refresh(), 0);
}

TEST_F(CrlRefreshTest, WhatCannotBeStoredIsNotAskedForWithoutEnd) {
    ASSERT_TRUE(put());
    auto driver = std::make_unique<test::FullDisk>(open_again());
    auto& disk = *driver;
    const auto opened = store::Store::open(std::move(driver));
    ASSERT_TRUE(opened) << why(opened);
    provisioning::CrlRefresh on_full_disk(**opened, groups_, fetcher_, clock_, random_, thread_.at(0).get_executor());
    const auto fetches = [&] {
        int fetched = 0;
        while (fetched < 10 && run(on_full_disk.refresh_next())) ++fetched;
        return fetched;
    };
    disk.full = true;
    clock_.advance(hours(2));
    EXPECT_EQ(fetches(), 1);
    EXPECT_EQ(fetches(), 0);
    clock_.advance(minutes(2));
    EXPECT_EQ(fetches(), 1);
    disk.full = false;
    clock_.advance(minutes(2));
    EXPECT_EQ(fetches(), 1);
    EXPECT_EQ(fetches(), 0);
}

TEST_F(CrlRefreshTest, AClockThatIsSetBackDoesNotPutOffTheNextFetch) {
    clock_.advance(hours(24 * 365));
    publish({});
    ASSERT_TRUE(put());
    clock_.advance(-hours(24 * 365));
    EXPECT_EQ(refresh(), 1);
    EXPECT_EQ(refresh(), 0);
}

TEST_F(CrlRefreshTest, WhatCannotBeHadOrFetchedIsRefused) {
    const auto refused = [&](json::object body) { return why(run(group_crls_.put("plant", std::move(body), {}))); };
    EXPECT_THAT(refused({{"url", "http://nowhere.test/"}}), HasSubstr("cannot be fetched: nobody is there"));
    EXPECT_THAT(refused({{"url", "ftp://ca.test/"}}), HasSubstr("must begin with http:// or https://"));
    EXPECT_THAT(refused({{"url", "http://user:secret@ca.test/"}}), HasSubstr("no user and no password"));
    EXPECT_THAT(refused({{"url", "http:///x"}}), HasSubstr("names no host"));
    EXPECT_THAT(refused({{"url", url}, {"crl", "x"}}), HasSubstr("either"));
    EXPECT_THAT(refused({{"url", url}, {"refreshSeconds", 1}}), HasSubstr("must be 5 to 604800"));
    EXPECT_THAT(refused({{"url", url}, {"caCertificate", "x"}}), HasSubstr("caCertificate"));
    EXPECT_THAT(refused({{"url", url}, {"caCertificate", root_.certificate.pem()}}), HasSubstr("begins with http://"));
    EXPECT_THAT(refused({{"crl", "x"}, {"refreshSeconds", 60}}), HasSubstr("belong to a list with a"));
}

}  // namespace
}  // namespace muster::authority
