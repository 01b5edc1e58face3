// Two musterds on one database: what one has acknowledged holds at the other, and they share the outbox.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <latch>

#include "hubs_fixture.h"
#include "provisioning/group_crls.h"

namespace muster::provisioning {
namespace {

// The other musterd, in memory.
class SeveralMusterds : public HubsTest {
protected:
    SeveralMusterds() : HubsTest(true) {
        linked_b_.on_change([this] { deliveries_b_.hubs_changed(); });
        registrations_b_.use_hubs(linked_b_, [this](const std::string& queue) { deliveries_b_.wake(queue); });
        EXPECT_TRUE(linked_b_.load());
        EXPECT_TRUE(groups_b_.load());
    }
    ~SeveralMusterds() override {
        deliveries_->stop();
        deliveries_b_.stop();
        thread_->stop();
        thread_b_.stop();
        // It may still answer to these threads.
        store_.reset();
    }
    // From then on it works on the outbox, too.
    void start_b() {
        deliveries_b_.start();
        thread_b_.start();
    }
    Result<json::object> register_at_b(const std::string& id, pki::CertificateChain chain) {
        return run(registrations_b_.register_device(request(id, std::move(chain)), {}));
    }
    DeviceRequest by_key(const std::string& id, const std::string& group_key) {
        auto asked = request(id, {});
        const auto device_key = derive_device_key(*base64_decode(group_key), id);
        asked.authorization = wire::make_sas(fmt::format("0ne1/registrations/{}", id), *base64_decode(device_key),
                                             "registration", clock_.now() + std::chrono::hours(1));
        return asked;
    }

    Groups groups_b_{*store_};
    net::Reactors thread_b_{1};
    LinkedHubs linked_b_{*store_, clock_, random_, outside_, own};
    Enrollments enrollments_b_{*store_, groups_b_, clock_, random_, ServiceFacts{own, &linked_b_}};
    Registrations registrations_b_{*store_, groups_b_, clock_,
                                   random_, metrics_,  ServiceIdentity{"0ne1", own, Secret(Bytes(32, 1))}};
    Deliveries deliveries_b_{
        *store_, groups_b_, linked_b_, outside_, clock_, random_, metrics_, thread_b_.at(0).get_executor(), limits()};
};

TEST_F(SeveralMusterds, AGroupThatOneAcknowledgedLetsDevicesInAtTheOther) {
    ASSERT_TRUE(group({}));
    EXPECT_FALSE(groups_b_.current()->has_anchors());
    const auto accepted = register_at_b("dev1", chain("dev1"));
    ASSERT_TRUE(accepted) << why(accepted);
    EXPECT_EQ(text_at(final_state(accepted), "/status"), "assigned");
    EXPECT_EQ(text_at(*run(registrations_b_.lookup(request("dev1", chain("dev1")))), "/status"), "assigned");
}

TEST_F(SeveralMusterds, AStrangersRefusalIsNoReading) {
    ASSERT_TRUE(group({}));
    ASSERT_TRUE(register_at_b("dev1", chain("dev1")));
    const auto index = groups_b_.current();
    const auto stranger = pki_.leaf(nullptr, "stranger");
    EXPECT_EQ(number(register_at_b("stranger", {stranger.certificate})), code::unauthorized);
    EXPECT_EQ(groups_b_.current(), index);
}

TEST_F(SeveralMusterds, AGroupThatOneDeletedKeepsDevicesOutAtTheOther) {
    ASSERT_TRUE(group({}));
    ASSERT_TRUE(run(groups_b_.refresh()));
    ASSERT_TRUE(run(enrollments_.remove(EnrollmentKind::group, "plant", std::nullopt)));
    EXPECT_EQ(number(register_at_b("dev1", chain("dev1"))), code::unauthorized);
}

class NoFetcher final : public CrlFetcher {
public:
    Task<Result<pki::RevocationList>> fetch(std::string, std::string) override {
        co_return fail(Errc::unavailable, "nobody is there");
    }
};

TEST_F(SeveralMusterds, ARevocationListThatOneWasGivenHoldsAtTheOther) {
    ASSERT_TRUE(group({}));
    // B knows the group, and has just looked.
    ASSERT_TRUE(register_at_b("dev1", chain("dev1")));
    pki::CrlContent content{.number = 1,
                            .this_update = clock_.now() - std::chrono::hours(1),
                            .next_update = clock_.now() + std::chrono::hours(1)};
    content.entries.push_back(
        {chain("dev1").front().serial_hex(), content.this_update, pki::RevocationReason::key_compromise});
    NoFetcher fetcher;
    GroupCrls lists(*store_, groups_, fetcher, clock_);
    const auto list = base64_encode(*pki::make_crl(content, {root_.certificate, root_.key}));
    const auto given = run(lists.put("plant", {{"crl", list}}, {}));
    ASSERT_TRUE(given) << why(given);
    EXPECT_EQ(number(register_at_b("dev1", chain("dev1"))), code::unauthorized);
    ASSERT_TRUE(run(lists.remove("plant", text_at(*given, "/issuerThumbprint"), {})));
    EXPECT_TRUE(register_at_b("dev1", chain("dev1")));
}

TEST_F(SeveralMusterds, ACaCertificateThatOneTookAwayIsNoneAtTheOther) {
    Groups strict(*store_, GroupRules{.verified_ca_only = true});
    Registrations registrations(*store_, strict, clock_, random_, metrics_,
                                ServiceIdentity{"0ne1", own, Secret(Bytes(32, 1))});
    const auto at_strict = [&] { return run(registrations.register_device(request("dev1", chain("dev1")), {})); };
    ASSERT_TRUE(group({}));
    const json::object ca{{"properties", {{"certificate", root_.certificate.pem()}, {"isVerified", true}}}};
    ASSERT_TRUE(run(certificates_.put("root", ca, std::nullopt)));
    ASSERT_TRUE(strict.load());
    const auto accepted = at_strict();
    ASSERT_TRUE(accepted) << why(accepted);
    ASSERT_TRUE(run(certificates_.remove("root", std::nullopt)));
    EXPECT_EQ(number(at_strict()), code::unauthorized);
    ASSERT_TRUE(run(certificates_.put("root", ca, std::nullopt)));
    EXPECT_TRUE(at_strict());
    const auto another = pki_.root("Another").certificate.pem();
    const json::object replaced{{"properties", {{"certificate", another}, {"isVerified", true}}}};
    ASSERT_TRUE(run(certificates_.put("root", replaced, std::nullopt)));
    EXPECT_EQ(number(at_strict()), code::unauthorized);
}

TEST_F(SeveralMusterds, AKeyIsJudgedByTheNewestGroups) {
    const auto made = put(EnrollmentKind::group, "keys", object(R"({"attestation":{"type":"symmetricKey"}})"));
    ASSERT_TRUE(made) << why(made);
    const auto asked = by_key("dev1", text_at(*made, "/attestation/symmetricKey/primaryKey"));
    const auto accepted = run(registrations_.register_device(asked, {}));
    ASSERT_TRUE(accepted) << why(accepted);
    const auto polled = run(registrations_b_.operation_status(asked, text_at(*accepted, "/operationId")));
    ASSERT_TRUE(polled) << why(polled);
    EXPECT_EQ(text_at(*polled, "/status"), "assigned");
}

TEST_F(SeveralMusterds, AHubThatOneLinkedIsThereAtTheOther) {
    link("b.example");
    ASSERT_EQ(linked_b_.current()->all().size(), 1u);
    auto body = at("b.example");
    body["enrollmentGroupId"] = "plant";
    body["attestation"] = {
        {"type", "x509"},
        {"x509", {{"signingCertificates", {{"primary", {{"certificate", root_.certificate.pem()}}}}}}}};
    const auto made = run(enrollments_b_.put(EnrollmentKind::group, "plant", body, std::nullopt));
    ASSERT_TRUE(made) << why(made);
    EXPECT_EQ(run(linked_b_.list())->size(), 2u);
    // Without the detour over the operator's call.
    link("c.example");
    ASSERT_TRUE(group(at("c.example")));
    const auto accepted = register_at_b("dev1", chain("dev1"));
    EXPECT_EQ(text_at(final_state(accepted), "/assignedHub"), "c.example");
}

TEST_F(SeveralMusterds, AHubThatOneUnlinkedGetsNoDeviceOfTheOther) {
    link("b.example");
    link("c.example");
    ASSERT_TRUE(group({{"iotHubs", {"b.example", "c.example"}}}));
    ASSERT_TRUE(register_at_b("dev0", chain("dev0")));
    ASSERT_TRUE(run(linked_.remove("b.example", std::nullopt)));
    for (int i = 1; i < 8; ++i) {
        const auto id = fmt::format("dev{}", i);
        const auto accepted = register_at_b(id, chain(id));
        ASSERT_TRUE(accepted) << why(accepted);
        EXPECT_EQ(text_at(final_state(accepted, id), "/assignedHub"), "c.example");
    }
}

TEST_F(SeveralMusterds, WhatAnotherWorksOnIsLeftToItUntilItsClaimEnds) {
    link("b.example");
    ASSERT_TRUE(group(at("b.example")));
    const auto key = assignment_key("dev1");
    const auto until = clock_.now() + std::chrono::seconds(150);
    ASSERT_TRUE(store_->transact_now([&](store::Tx& tx) -> Result<> {
        MUSTER_TRY(const auto claimed, tx.outbox_claims().claim(key, "another", clock_.now(), until));
        return claimed ? Result<>() : fail(Errc::internal, "not claimed");
    }));
    const auto waiting = run(registrations_.register_device(request("dev1", chain("dev1")), {}));
    ASSERT_TRUE(waiting) << why(waiting);
    // Another device's goes on.
    EXPECT_EQ(text_at(registered("dev2"), "/status"), "assigned");
    EXPECT_FALSE(outside_.has("b.example", "dev1"));
    EXPECT_EQ(record("/status"), "assigning");
    clock_.set(until);
    EXPECT_EQ(text_at(final_state(waiting), "/status"), "assigned");
}

TEST_F(SeveralMusterds, TwoDoEachEntryOnce) {
    link("b.example");
    ASSERT_TRUE(run(linked_b_.refresh()));
    ASSERT_TRUE(group(at("b.example")));
    outside_.with("b.example", [](auto& hub) { hub.down = down; });
    std::vector<Result<json::object>> waiting;
    constexpr int devices = 30;
    for (int i = 0; i < devices; ++i) {
        const auto id = fmt::format("dev{}", i);
        waiting.push_back(run(registrations_.register_device(request(id, chain(id)), {})));
    }
    start_b();
    outside_.with("b.example", [](auto& hub) { hub.down.reset(); });
    for (int i = 0; i < devices; ++i)
        EXPECT_EQ(text_at(final_state(waiting[static_cast<std::size_t>(i)], fmt::format("dev{}", i)), "/status"),
                  "assigned");
    EXPECT_EQ(outside_.with("b.example", [](auto& hub) { return hub.creations; }), devices);
    EXPECT_EQ(left_in_outbox(), 0);
    const auto claims = [&] {
        return run(store_->transact([&](store::Tx& tx) { return tx.outbox_claims().erase_ended(TimePoint::max()); }));
    };
    EXPECT_TRUE(comes_true([&] { return claims() == 0; }));
}

std::int64_t count_claims(store::Store& store) {
    return net::run_blocking(store.transact([&](store::Tx& tx) -> Result<std::int64_t> {
               MUSTER_TRY(const auto count, tx.outbox_claims().erase_ended(TimePoint::max()));
               return fail(Error(Errc::conflict, "only counted").with_number(static_cast<int>(count)));
           }))
        .error()
        .number();
}

// The hub is asked for the first devices when one of the two is told to stop.
TEST_F(SeveralMusterds, WhoStopsLeavesItsWorkToTheOther) {
    link("b.example");
    ASSERT_TRUE(run(linked_b_.refresh()));
    ASSERT_TRUE(group(at("b.example")));
    std::latch begun(1);
    std::latch may_end(1);
    std::atomic<bool> first{true};
    outside_.with("b.example", [&](auto& hub) {
        hub.answers = [&]() -> Result<> {
            if (!first.exchange(false)) return {};
            begun.count_down();
            may_end.wait();
            return {};
        };
    });
    std::vector<Result<json::object>> waiting;
    constexpr int devices = 30;
    for (int i = 0; i < devices; ++i) {
        const auto id = fmt::format("dev{}", i);
        waiting.push_back(run(registrations_.register_device(request(id, chain(id)), {})));
    }
    begun.wait();
    deliveries_->stop();
    may_end.count_down();
    deliveries_->finish(std::chrono::seconds(10));
    EXPECT_EQ(count_claims(*store_), 0);
    EXPECT_GT(left_in_outbox(), 0) << "it begins nothing any more";
    thread_->stop();
    start_b();
    const auto before = clock_.now();
    for (int i = 0; i < devices; ++i)
        EXPECT_EQ(text_at(final_state(waiting[static_cast<std::size_t>(i)], fmt::format("dev{}", i)), "/status"),
                  "assigned");
    EXPECT_LT(clock_.now() - before, std::chrono::minutes(1)) << "long before a claim would end";
    EXPECT_EQ(outside_.with("b.example", [](auto& hub) { return hub.creations; }), devices);
}

TEST_F(SeveralMusterds, WhatIsStillOnItsWayToAHubStaysClaimed) {
    link("b.example");
    ASSERT_TRUE(group(at("b.example")));
    std::latch begun(1);
    outside_.with("b.example", [&](auto& hub) {
        hub.waits = [&]() -> Task<> {
            begun.count_down();
            boost::asio::steady_timer never(co_await boost::asio::this_coro::executor,
                                            boost::asio::steady_timer::time_point::max());
            co_await never.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        };
    });
    ASSERT_TRUE(run(registrations_.register_device(request("dev1", chain("dev1")), {})));
    begun.wait();
    deliveries_->finish(std::chrono::milliseconds(100));
    EXPECT_EQ(count_claims(*store_), 2) << "the entry and its device";
    thread_->stop();
}

TEST_F(SeveralMusterds, ClaimsOfWhoDiedDoNotPileUpWhileOthersRun) {
    start_b();
    ASSERT_TRUE(comes_true([&] { return count_claims(*store_) == 0; }));
    ASSERT_TRUE(store_->transact_now([&](store::Tx& tx) -> Result<> {
        MUSTER_TRY(const auto claimed, tx.outbox_claims().claim("assign/gone", "dead", clock_.now(), clock_.now()));
        return claimed ? Result<>() : fail(Errc::internal, "not claimed");
    }));
    clock_.advance(std::chrono::hours(3));
    EXPECT_TRUE(comes_true([&] { return count_claims(*store_) == 0; }));
}

// A's removal of the device from its former hub is under way when the device goes back there by way of B.
TEST_F(SeveralMusterds, ADeviceIsNotRemovedWhereTheOtherCreatesItAnew) {
    link("b.example");
    link("c.example");
    ASSERT_TRUE(group(at("b.example")));
    ASSERT_EQ(text_at(registered(), "/assignedHub"), "b.example");
    std::latch begun(1);
    std::latch may_end(1);
    outside_.with("b.example", [&](auto& hub) {
        hub.removes = [&] {
            begun.count_down();
            may_end.wait();
        };
    });
    ASSERT_TRUE(group(at("c.example")));
    ASSERT_EQ(text_at(registered(), "/assignedHub"), "c.example");
    begun.wait();
    start_b();
    ASSERT_TRUE(run(linked_b_.refresh()));
    ASSERT_TRUE(group(at("b.example", policy({}, true, false))));
    const auto back = register_at_b("dev1", chain("dev1"));
    ASSERT_TRUE(back) << why(back);
    // It has its turns meanwhile.
    ASSERT_TRUE(group(at("c.example")));
    const auto other = register_at_b("dev2", chain("dev2"));
    EXPECT_EQ(text_at(final_state(other, "dev2"), "/status"), "assigned");
    EXPECT_EQ(record("/status"), "assigning");
    outside_.with("b.example", [](auto& hub) { hub.removes = {}; });
    may_end.count_down();
    EXPECT_EQ(text_at(final_state(back), "/assignedHub"), "b.example");
    EXPECT_TRUE(comes_true([&] { return left_in_outbox() == 0; }));
    EXPECT_TRUE(outside_.has("b.example", "dev1"));
}

}  // namespace
}  // namespace muster::provisioning
