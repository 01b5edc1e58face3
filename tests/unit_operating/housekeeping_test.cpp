#include "provisioning/housekeeping.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "provisioning/events.h"
#include "unit_provisioning/provisioning_fixture.h"

namespace muster::provisioning {
namespace {

using std::chrono::days;
using test::text_at;

class HousekeepingTest : public ProvisioningFixture {
protected:
    void append(std::string subject, std::string actor = "") {
        ASSERT_TRUE(run(store_->transact([&](store::Tx& tx) {
            return tx.journal().append({.time = clock_.now(), .type = "a.b", .subject = subject, .actor = actor});
        })));
    }
    void keep_house(JournalRetention retention) {
        settle();
        Housekeeping keeping(*store_, clock_, retention, [this] { return clock_.now() + days(1'000); });
        const auto done = run(keeping.forget_old_entries());
        EXPECT_TRUE(done) << why(done);
    }
    std::vector<std::string> subjects(std::int64_t after = 0) {
        settle();
        const auto page = run(events_.read({.after = after, .limit = max_events_page}));
        EXPECT_TRUE(page) << why(page);
        std::vector<std::string> out;
        if (page)
            for (const auto& event : page->events) out.push_back(text_at(event, "/subject"));
        return out;
    }
    // "type subject daysLeft" of what a look at the certificates tells.
    std::vector<std::string> look(TimePoint server_end) {
        settle();
        const auto before = run(events_.read({}))->next;
        Housekeeping keeping(*store_, clock_, {}, [=] { return server_end; });
        const auto done = run(keeping.tell_of_expiring_certificates());
        EXPECT_TRUE(done) << why(done);
        std::vector<std::string> out;
        settle();
        const auto page = run(events_.read({.after = before}));
        for (const auto& event : page->events)
            out.push_back(fmt::format("{} {} {}", text_at(event, "/type"), text_at(event, "/subject"),
                                      text_at(event, "/detail/daysLeft")));
        return out;
    }
    using Strings = std::vector<std::string>;

    Events events_{*store_};
};

TEST_F(HousekeepingTest, OldEventsGoAndChangesStayLonger) {
    append("old event");
    append("old change", "owner");
    clock_.advance(days(31));
    append("new event");
    keep_house({});
    EXPECT_EQ(subjects(), (Strings{"old change", "new event"}));
    clock_.advance(days(400));
    append("newest");
    keep_house({});
    EXPECT_EQ(subjects(2), Strings{"newest"});
}

TEST_F(HousekeepingTest, TheNewestStaysSoThatIdsGoOn) {
    append("one");
    append("two");
    clock_.advance(days(100));
    keep_house({});
    EXPECT_EQ(subjects(), Strings{"two"});
    append("three");
    settle();
    const auto page = run(events_.read({.after = 2}));
    ASSERT_TRUE(page);
    EXPECT_EQ(text_at(page->events, "/0/id"), "3");
}

TEST_F(HousekeepingTest, NoMoreEventsThanThereIsRoomFor) {
    ASSERT_TRUE(run(store_->transact([&](store::Tx& tx) -> Result<> {
        for (int i = 0; i < 2'500; ++i)
            MUSTER_CHECK(tx.journal().append({.time = clock_.now(), .type = "a.b", .subject = fmt::format("{}", i)}));
        return {};
    })));
    keep_house({.events = days(0), .most_events = 1'000, .changes = days(0)});
    const auto kept = subjects();
    ASSERT_EQ(kept.size(), 1'000u);
    EXPECT_EQ(kept.front(), "1500");
}

TEST_F(HousekeepingTest, AReaderThatCameTooLateIsToldOfTheGap) {
    append("read");
    append("missed");
    clock_.advance(days(31));
    append("now");
    keep_house({});
    const auto late = run(events_.read({.after = 1}));
    ASSERT_TRUE(late);
    EXPECT_TRUE(late->gap);
    const auto in_time = run(events_.read({.after = 2}));
    ASSERT_TRUE(in_time);
    EXPECT_FALSE(in_time->gap);
}

TEST_F(HousekeepingTest, CertificatesAreWarnedOfOnceAtEachStep) {
    const auto ca = pki_.root();
    const json::object body{{"properties", {{"certificate", ca.certificate.pem()}, {"isVerified", true}}}};
    ASSERT_TRUE(run(certificates_.put("root", body, std::nullopt)));
    const auto end = ca.certificate.not_after();
    const auto server_end = end + days(1'000);
    clock_.set(end - days(40));
    EXPECT_EQ(look(server_end), Strings{});
    clock_.set(end - days(29));
    EXPECT_EQ(look(server_end), Strings{"certificate.expiring root 30"});
    EXPECT_EQ(look(server_end), Strings{});
    clock_.set(end - days(3));
    EXPECT_EQ(look(server_end), Strings{"certificate.expiring root 7"});
    clock_.set(end + days(3));
    EXPECT_EQ(look(server_end), Strings{"certificate.expired root (absent)"}) << "the step in between is over";
    clock_.set(server_end - days(1));
    EXPECT_EQ(look(server_end), Strings{"certificate.expiring musterd 1"});
}

TEST_F(HousekeepingTest, MarksOfServerCertificatesDoNotPileUp) {
    const auto there = [&](TimePoint end) {
        const auto name = fmt::format("certificates.looked-at/server/{}", end.time_since_epoch().count());
        return run(store_->read([&](store::Tx& tx) { return tx.marks().find(name); })).value().has_value();
    };
    const auto first = clock_.now() + days(1);
    EXPECT_EQ(look(first), Strings{"certificate.expiring musterd 1"});
    ASSERT_TRUE(there(first));
    clock_.advance(days(200));
    const auto second = clock_.now() + days(1);
    EXPECT_EQ(look(second), Strings{"certificate.expiring musterd 1"});
    clock_.advance(days(200));
    keep_house({});
    EXPECT_FALSE(there(first));
    EXPECT_TRUE(there(second)) << "it may be served with yet";
}

TEST_F(HousekeepingTest, OfSeveralMusterdsOneTellsOfWhatIsStored) {
    const auto ca = pki_.root();
    const json::object body{{"properties", {{"certificate", ca.certificate.pem()}, {"isVerified", true}}}};
    ASSERT_TRUE(run(certificates_.put("root", body, std::nullopt)));
    const auto end = ca.certificate.not_after();
    clock_.set(end - days(20));
    settle();
    const auto before = run(events_.read({}))->next;
    // Both have read when the first one writes.
    Housekeeping a(*store_, clock_, {}, [=] { return end + days(10); });
    Housekeeping b(*store_, clock_, {}, [=] { return end - days(10); });
    const auto both = [&]() -> Task<bool> {
        using namespace boost::asio::experimental::awaitable_operators;
        const auto [first, second] = co_await (a.tell_of_expiring_certificates() && b.tell_of_expiring_certificates());
        co_return first&& second;
    };
    EXPECT_TRUE(run(both()));
    EXPECT_EQ(subjects(before), (Strings{"root", "musterd", "musterd"})) << "each serves with a certificate of its own";
    EXPECT_TRUE(run(both()));
    EXPECT_EQ(subjects(before).size(), 3u);
    // One whose clock is behind tells nothing twice.
    clock_.set(end - days(1));
    EXPECT_TRUE(run(a.tell_of_expiring_certificates()));
    const auto told = subjects(before).size();
    clock_.set(end - days(1) - std::chrono::minutes(2));
    EXPECT_TRUE(run(b.tell_of_expiring_certificates()));
    clock_.set(end - days(1) + std::chrono::minutes(1));
    EXPECT_TRUE(run(a.tell_of_expiring_certificates()));
    EXPECT_EQ(std::ranges::count(subjects(before), std::string("root")), 2);
    EXPECT_GE(told, 4u);
}

TEST_F(HousekeepingTest, EnrollmentsOwnCertificatesAreLookedAt) {
    const auto root = pki_.root();
    const auto leaf = pki_.leaf(nullptr, "dev1");
    ASSERT_TRUE(put_group("plant", root.certificate));
    ASSERT_TRUE(put_individual("dev1", leaf.certificate));
    clock_.set(std::max(root.certificate.not_after(), leaf.certificate.not_after()) + days(1));
    const auto told = look(clock_.now() + days(1'000));
    EXPECT_EQ(told, (Strings{"certificate.expired plant (absent)", "certificate.expired dev1 (absent)"}));
    // What is new since the last look is told of, though its time was over before.
    ASSERT_TRUE(put_individual("dev2", leaf.certificate));
    clock_.advance(std::chrono::hours(1));
    EXPECT_EQ(look(clock_.now() + days(1'000)), Strings{"certificate.expired dev2 (absent)"});
}

}  // namespace
}  // namespace muster::provisioning
