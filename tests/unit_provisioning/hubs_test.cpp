// Devices on their way to hubs: the whole of provisioning, with hubs and webhooks in memory.
#include <thread>

#include "provisioning/deliveries.h"
#include "provisioning_fixture.h"

namespace muster::provisioning {
namespace {

using test::object;
using test::text_at;

constexpr auto own = "hub.example";
const Error down(Errc::unavailable, "cannot connect");

class HubsTest : public ProvisioningFixture {
protected:
    HubsTest() {
        registrations_.use_hubs(linked_, [this](const std::string& queue) { deliveries_->wake(queue); });
        linked_.on_change([this] { deliveries_->hubs_changed(); });
        EXPECT_TRUE(linked_.load());
        begin();
    }
    ~HubsTest() override {
        deliveries_->stop();
        thread_->stop();
        store_.reset();
    }

    static DeliveryLimits limits() {
        return {.first_wait = std::chrono::milliseconds(5),
                .longest_wait = std::chrono::milliseconds(20),
                .probe_every = std::chrono::milliseconds(20)};
    }
    void begin() {
        thread_ = std::make_unique<net::Reactors>(1);
        deliveries_ = std::make_unique<Deliveries>(*store_, linked_, outside_, clock_, random_, metrics_,
                                                   thread_->at(0).get_executor(), limits());
        deliveries_->start();
        thread_->start();
    }
    // As after a crash: what was under way is dropped where it stood.
    void restart() {
        deliveries_->stop();
        thread_->stop();
        // The store may still answer to that thread.
        dropped_.push_back(std::move(thread_));
        begin();
    }

    void link(const std::string& name, json::object rest = {}) {
        rest["connectionString"] = fmt::format("HostName={};SharedAccessKeyName=iothubowner;SharedAccessKey={}", name,
                                               base64_encode(Bytes(32, 9)));
        const auto linked = run(linked_.put(name, std::move(rest), std::nullopt, true));
        ASSERT_TRUE(linked) << why(linked);
    }
    Result<json::object> group(json::object rest) { return put_group("plant", root_.certificate, std::move(rest)); }
    json::object at(std::string_view hub, json::object rest = {}) {
        rest["iotHubs"] = json::array{hub};
        return rest;
    }
    json::object policy(json::object rest, bool update, bool migrate) {
        rest["reprovisionPolicy"] = {{"updateHubAssignment", update}, {"migrateDeviceData", migrate}};
        return rest;
    }

    // What a device gets by polling until it is no longer assigning.
    json::value final_state(const Result<json::object>& accepted, const std::string& id = "dev1") {
        for (int i = 0; i < 2'000; ++i) {
            const auto polled =
                run(registrations_.operation_status(request(id, chain(id)), text_at(*accepted, "/operationId")));
            if (!polled) return json::object{{"refused", polled.error().chain()}};
            if (text_at(*polled, "/status") != "assigning") return polled->at("registrationState");
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        return json::object{{"status", "assigning without end"}};
    }
    json::value registered(const std::string& id = "dev1", json::object body = {}) {
        const auto accepted = run(registrations_.register_device(request(id, chain(id)), std::move(body)));
        if (!accepted) return json::object{{"refused", accepted.error().chain()}};
        return final_state(accepted, id);
    }
    std::string record(std::string_view pointer, const std::string& id = "dev1") {
        const auto state = run(enrollments_.get_registration(id));
        return state ? text_at(*state, pointer) : "(none)";
    }
    template <class Condition>
    bool comes_true(Condition condition) {
        for (int i = 0; i < 2'000; ++i) {
            if (condition()) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        return false;
    }
    std::int64_t left_in_outbox() {
        const auto count = run(store_->read([](store::Tx& tx) -> Result<std::int64_t> {
            MUSTER_TRY(const auto queues, tx.outbox().queues());
            return static_cast<std::int64_t>(queues.size());
        }));
        return count.value_or(-1);
    }
    pki::CertificateChain chain(const std::string& id) {
        if (!leaves_.contains(id)) leaves_.emplace(id, pki_.leaf(&root_, id));
        return {leaves_.at(id).certificate};
    }
    // The certificate of the device, as the service's authority would have issued it.
    void record_as_issued(const std::string& id = "dev1") {
        const auto done = store_->transact_now([&](store::Tx& tx) -> Result<> {
            // Others before it, more than a page.
            for (int i = 0; i < 120; ++i)
                MUSTER_CHECK(tx.issued_certificates().insert(
                    {.serial = fmt::format("{:04}", i), .fingerprint = "other", .registration_id = id}));
            return tx.issued_certificates().insert(
                {.serial = "5E", .fingerprint = chain(id).front().sha256_thumbprint(), .registration_id = id});
        });
        ASSERT_TRUE(done) << why(done);
    }
    Result<> revoke() {
        return store_->transact_now(
            [&](store::Tx& tx) { return tx.issued_certificates().revoke("5E", clock_.now(), "keyCompromise"); });
    }
    bool at_own_hub(const std::string& id = "dev1") { return run(registry_.get_device(id)).has_value(); }
    std::string own_twin(std::string_view pointer) {
        const auto twin = run(registry_.get_twin("dev1", ""));
        return twin ? text_at(*twin, pointer) : "(none)";
    }

    const test::Authority root_ = pki_.root();
    std::map<std::string, test::Authority> leaves_;
    std::vector<std::unique_ptr<net::Reactors>> dropped_;
    std::unique_ptr<net::Reactors> thread_;
    std::unique_ptr<Deliveries> deliveries_;
};

TEST_F(HubsTest, ADeviceIsCreatedAtItsHubBeforeItHearsAssigned) {
    link("b.example");
    ASSERT_TRUE(group(at("B.example", object(R"({"capabilities":{"iotEdge":true},
        "initialTwin":{"tags":{"site":"a"},"properties":{"desired":{"x":1}}}})"))));
    const auto state = registered();
    EXPECT_EQ(text_at(state, "/status"), "assigned") << json::serialize(state);
    EXPECT_EQ(text_at(state, "/assignedHub"), "b.example");
    EXPECT_EQ(text_at(state, "/substatus"), "initialAssignment");
    const auto device = outside_.device("b.example", "dev1");
    EXPECT_EQ(device.credential.thumbprint, chain("dev1").front().sha256_thumbprint());
    EXPECT_TRUE(device.edge);
    EXPECT_EQ(device.twin.tags, R"({"site":"a"})");
    EXPECT_EQ(device.twin.desired, R"({"x":1})");
    EXPECT_FALSE(at_own_hub());
    for (const auto* shared : {"/etag", "/createdDateTimeUtc", "/lastUpdatedDateTimeUtc"})
        EXPECT_EQ(text_at(state, shared), record(shared));
    EXPECT_EQ(left_in_outbox(), 0);
}

TEST_F(HubsTest, AHubThatIsDownHoldsOnlyItsOwnDevices) {
    link("b.example");
    link("c.example");
    outside_.with("b.example", [](auto& hub) { hub.down = down; });
    ASSERT_TRUE(group(at("b.example")));
    const auto waiting = run(registrations_.register_device(request("dev1", chain("dev1")), {}));
    ASSERT_TRUE(waiting) << why(waiting);
    ASSERT_TRUE(group(at("c.example")));
    EXPECT_EQ(text_at(registered("dev2"), "/assignedHub"), "c.example");
    ASSERT_TRUE(group(at(own)));
    EXPECT_EQ(text_at(registered("dev3"), "/assignedHub"), own);
    EXPECT_EQ(record("/status"), "assigning");
    EXPECT_EQ(record("/assignedHub"), "(absent)");
    EXPECT_TRUE(comes_true([&] { return text_at(*run(linked_.get("b.example")), "/state/status") == "unreachable"; }));
    outside_.with("b.example", [](auto& hub) { hub.down.reset(); });
    EXPECT_EQ(text_at(final_state(waiting), "/assignedHub"), "b.example");
    EXPECT_EQ(text_at(*run(linked_.get("b.example")), "/state/status"), "reachable");
}

TEST_F(HubsTest, WhatWaitsIsTakenUpAfterARestart) {
    link("b.example");
    outside_.with("b.example", [](auto& hub) { hub.down = down; });
    ASSERT_TRUE(group(at("b.example")));
    const auto waiting = run(registrations_.register_device(request("dev1", chain("dev1")), {}));
    ASSERT_TRUE(waiting);
    restart();
    outside_.with("b.example", [](auto& hub) { hub.down.reset(); });
    EXPECT_EQ(text_at(final_state(waiting), "/status"), "assigned");
    EXPECT_EQ(outside_.with("b.example", [](auto& hub) { return hub.creations; }), 1);
}

TEST_F(HubsTest, APassingFaultOfOneCallIsTriedAgain) {
    link("b.example");
    ASSERT_TRUE(group(at("b.example")));
    outside_.with("b.example", [](auto& hub) { hub.refuses = Error(Errc::io, "status 500"); });
    const auto waiting = run(registrations_.register_device(request("dev1", chain("dev1")), {}));
    EXPECT_TRUE(comes_true([&] {
        const auto row = run(store_->read([](store::Tx& tx) { return tx.outbox().find(assignment_key("dev1")); }));
        return row && *row && (*row)->attempts >= 1;
    }));
    // What is due by the clock of the service waits for that clock.
    outside_.with("b.example", [](auto& hub) { hub.refuses.reset(); });
    clock_.advance(std::chrono::seconds(60));
    EXPECT_EQ(text_at(final_state(waiting), "/status"), "assigned");
}

TEST_F(HubsTest, WhatAHubWillNotTakeEndsAsFailed) {
    link("b.example");
    ASSERT_TRUE(group(at("b.example")));
    outside_.with("b.example", [](auto& hub) { hub.refuses = Error(Errc::forbidden, "status 401"); });
    auto state = registered();
    EXPECT_EQ(text_at(state, "/status"), "failed");
    EXPECT_EQ(text_at(state, "/errorCode"), std::to_string(code::hub_refused));
    EXPECT_NE(text_at(state, "/errorMessage").find("b.example"), std::string::npos);
    outside_.with("b.example", [](auto& hub) { hub.refuses.reset(); });
    EXPECT_EQ(text_at(registered(), "/status"), "assigned");
}

TEST_F(HubsTest, ADeviceDoesNotWaitWithoutEnd) {
    link("b.example");
    outside_.with("b.example", [](auto& hub) { hub.down = down; });
    ASSERT_TRUE(group(at("b.example")));
    const auto waiting = run(registrations_.register_device(request("dev1", chain("dev1")), {}));
    clock_.advance(std::chrono::hours(2));
    const auto state = final_state(waiting);
    EXPECT_EQ(text_at(state, "/status"), "failed") << json::serialize(state);
    EXPECT_EQ(text_at(state, "/errorCode"), std::to_string(code::hub_unavailable));
}

TEST_F(HubsTest, ADeviceDoesNotWaitBehindRemovals) {
    link("b.example");
    outside_.with("b.example", [](auto& hub) { hub.down = down; });
    ASSERT_TRUE(store_->transact_now([&](store::Tx& tx) -> Result<> {
        for (int i = 0; i < 200; ++i) {
            const RemovalOrder removal{"b.example", fmt::format("gone-{}", i), {}};
            MUSTER_CHECK(tx.outbox().put({.key = removal_key(removal.hub, removal.device_id),
                                          .id = std::to_string(i),
                                          .queue = hub_queue(removal.hub),
                                          .body = removal.serialize(),
                                          .due = clock_.now() - std::chrono::hours(1),
                                          .created = clock_.now() - std::chrono::hours(1)}));
        }
        return {};
    }));
    ASSERT_TRUE(group(at("b.example")));
    const auto waiting = run(registrations_.register_device(request("dev1", chain("dev1")), {}));
    clock_.advance(std::chrono::hours(2));
    const auto state = final_state(waiting);
    EXPECT_EQ(text_at(state, "/errorCode"), std::to_string(code::hub_unavailable)) << json::serialize(state);
}

TEST_F(HubsTest, WithoutAHubTheRegistrationFails) {
    ASSERT_TRUE(run(linked_.put(own, object(R"({"applyAllocationPolicy":false})"), std::nullopt, true)));
    ASSERT_TRUE(group({}));
    const auto state = registered();
    EXPECT_EQ(text_at(state, "/status"), "failed");
    EXPECT_EQ(text_at(state, "/errorCode"), std::to_string(code::no_hub));
    EXPECT_EQ(record("/status"), "failed");
}

TEST_F(HubsTest, AnUnlinkedHubEndsWhatWaitsForIt) {
    link("b.example");
    outside_.with("b.example", [](auto& hub) { hub.down = down; });
    ASSERT_TRUE(group(at("b.example")));
    const auto waiting = run(registrations_.register_device(request("dev1", chain("dev1")), {}));
    ASSERT_TRUE(run(linked_.remove("b.example", std::nullopt)));
    const auto state = final_state(waiting);
    EXPECT_EQ(text_at(state, "/errorCode"), std::to_string(code::no_hub)) << json::serialize(state);
    EXPECT_EQ(number(run(enrollments_.put(EnrollmentKind::individual, "x",
                                          object(R"({"registrationId":"x","attestation":{"type":"symmetricKey"},
                                                     "iotHubs":["b.example"]})"),
                                          std::nullopt))),
              code::invalid_body);
    // The group that named it can still be changed.
    EXPECT_TRUE(group(at("b.example", object(R"({"provisioningStatus":"disabled"})"))));
}

TEST_F(HubsTest, AnEnrollmentThatIsTakenBackLetsNobodyInWhoStillWaits) {
    link("b.example");
    outside_.with("b.example", [](auto& hub) { hub.down = down; });
    ASSERT_TRUE(group(at("b.example")));
    const auto first = run(registrations_.register_device(request("dev1", chain("dev1")), {}));
    const auto second = run(registrations_.register_device(request("dev2", chain("dev2")), {}));
    // One device is blocked by an enrollment of its own, then all are.
    ASSERT_TRUE(put_individual("dev1", chain("dev1").front(), object(R"({"provisioningStatus":"disabled"})")));
    outside_.with("b.example", [](auto& hub) { hub.down.reset(); });
    EXPECT_EQ(text_at(final_state(first), "/errorCode"), std::to_string(code::unauthorized));
    EXPECT_EQ(text_at(final_state(second, "dev2"), "/status"), "assigned");
    EXPECT_FALSE(outside_.has("b.example", "dev1"));
}

TEST_F(HubsTest, ACertificateRevokedWhileItsDeviceWaitsLetsNobodyIn) {
    link("b.example");
    record_as_issued();
    outside_.with("b.example", [](auto& hub) { hub.down = down; });
    ASSERT_TRUE(group(at("b.example")));
    const auto waiting = run(registrations_.register_device(request("dev1", chain("dev1")), {}));
    ASSERT_TRUE(revoke());
    const auto state = final_state(waiting);
    EXPECT_EQ(text_at(state, "/errorCode"), std::to_string(code::unauthorized)) << json::serialize(state);
    EXPECT_EQ(text_at(state, "/errorMessage"), "the certificate was revoked while the device waited");
    outside_.with("b.example", [](auto& hub) { hub.down.reset(); });
    EXPECT_TRUE(comes_true([&] { return left_in_outbox() == 0; }));
    EXPECT_EQ(outside_.with("b.example", [](auto& hub) { return hub.creations; }), 0);
}

TEST_F(HubsTest, ACertificateRevokedWhileTheHubIsAskedLeavesNoIdentity) {
    link("b.example");
    record_as_issued();
    outside_.with("b.example", [&](auto& hub) { hub.answers = [this] { return revoke(); }; });
    ASSERT_TRUE(group(at("b.example")));
    EXPECT_EQ(text_at(registered(), "/errorMessage"), "the certificate was revoked while the device waited");
    EXPECT_EQ(outside_.with("b.example", [](auto& hub) { return hub.creations; }), 1);
    EXPECT_TRUE(comes_true([&] { return !outside_.has("b.example", "dev1") && left_in_outbox() == 0; }));
}

TEST_F(HubsTest, AnAssignmentThatFailsLeavesNoIdentityAtItsHub) {
    link("b.example");
    // It is made there, only the answer gets lost.
    outside_.with("b.example", [](auto& hub) { hub.answers = [] { return Result<>(fail(Errc::io, "cut off")); }; });
    ASSERT_TRUE(group(at("b.example")));
    const auto waiting = run(registrations_.register_device(request("dev1", chain("dev1")), {}));
    ASSERT_TRUE(comes_true([&] { return outside_.has("b.example", "dev1"); }));
    ASSERT_TRUE(group(at("b.example", object(R"({"provisioningStatus":"disabled"})"))));
    clock_.advance(std::chrono::seconds(60));
    EXPECT_EQ(text_at(final_state(waiting), "/status"), "failed");
    EXPECT_TRUE(comes_true([&] { return !outside_.has("b.example", "dev1") && left_in_outbox() == 0; }));
}

TEST_F(HubsTest, ADisabledDeviceStaysDisabledWhereItMoves) {
    link("b.example");
    ASSERT_TRUE(group(at(own)));
    ASSERT_EQ(text_at(registered(), "/assignedHub"), own);
    ASSERT_TRUE(run(registry_.put_device(
        "dev1", object(R"({"deviceId":"dev1","status":"disabled","statusReason":"in repair"})"), "*")));
    ASSERT_TRUE(group(at("b.example")));
    ASSERT_EQ(text_at(registered(), "/assignedHub"), "b.example");
    EXPECT_TRUE(outside_.device("b.example", "dev1").twin.disabled);
    EXPECT_EQ(outside_.device("b.example", "dev1").twin.status_reason, "in repair");
    ASSERT_TRUE(group(at(own)));
    ASSERT_EQ(text_at(registered(), "/assignedHub"), own);
    EXPECT_EQ(text_at(*run(registry_.get_device("dev1")), "/status"), "disabled");
    EXPECT_EQ(text_at(*run(registry_.get_device("dev1")), "/statusReason"), "in repair");
}

TEST_F(HubsTest, ADeletedRegistrationIsNotBroughtBack) {
    link("b.example");
    outside_.with("b.example", [](auto& hub) { hub.down = down; });
    ASSERT_TRUE(group(at("b.example")));
    ASSERT_TRUE(run(registrations_.register_device(request("dev1", chain("dev1")), {})));
    ASSERT_TRUE(run(enrollments_.remove_registration("dev1", std::nullopt)));
    outside_.with("b.example", [](auto& hub) { hub.down.reset(); });
    EXPECT_TRUE(comes_true([&] { return left_in_outbox() == 0; }));
    EXPECT_EQ(record("/status"), "(none)");
}

TEST_F(HubsTest, ARegistrationThatReplacesAWaitingOneLeavesNothingBehind) {
    link("b.example");
    link("c.example");
    ASSERT_TRUE(group(at("b.example")));
    outside_.with("b.example", [](auto& hub) { hub.down = down; });
    ASSERT_TRUE(run(registrations_.register_device(request("dev1", chain("dev1")), {})));
    // It was made there after all, only the answer was lost.
    outside_.with("b.example", [&](auto& hub) {
        hub.devices["dev1"].credential.thumbprint = chain("dev1").front().sha256_thumbprint();
        hub.devices["other"].credential.thumbprint = "of somebody else";
    });
    ASSERT_TRUE(group(at("c.example")));
    EXPECT_EQ(text_at(registered(), "/assignedHub"), "c.example");
    outside_.with("b.example", [](auto& hub) { hub.down.reset(); });
    EXPECT_TRUE(comes_true([&] { return !outside_.has("b.example", "dev1") && left_in_outbox() == 0; }));
    EXPECT_TRUE(outside_.has("c.example", "dev1"));
    EXPECT_TRUE(outside_.has("b.example", "other"));
}

// --- re-provisioning across hubs

struct Move {
    std::string_view from;
    std::string_view to;
    bool update;
    bool migrate;
};

std::ostream& operator<<(std::ostream& out, const Move& move) {
    return out << move.from << " to " << move.to << (move.update ? ", update" : "")
               << (move.migrate ? ", migrate" : "");
}

class ReprovisioningTest : public HubsTest, public ::testing::WithParamInterface<Move> {
protected:
    // What the device made of its twin where it was.
    void live_at(const std::string& hub) {
        if (hub != own) {
            outside_.with(hub, [](auto& at) {
                auto& twin = at.devices.at("dev1").twin;
                twin = {R"({"site":"moved"})", R"({"x":2})", R"({"seen":true})"};
            });
            return;
        }
        ASSERT_TRUE(run(store_->transact([](store::Tx& tx) -> Result<> {
            MUSTER_TRY(auto record, tx.identities().find("dev1"));
            record->tags = R"({"site":"moved"})";
            record->desired = R"({"x":2})";
            record->reported = R"({"seen":true})";
            ++record->twin_version;
            return tx.identities().update(*record);
        })));
    }
    TwinCopy twin_at(const std::string& hub) {
        if (hub != own) return outside_.device(hub, "dev1").twin;
        const auto record = run(store_->read([](store::Tx& tx) { return tx.identities().find("dev1"); }));
        return record && *record ? TwinCopy{(*record)->tags, (*record)->desired, (*record)->reported} : TwinCopy{};
    }
    bool is_at(const std::string& hub) { return hub == own ? at_own_hub() : outside_.has(hub, "dev1"); }
};

TEST_P(ReprovisioningTest, KeepsOrResetsExactlyWhatItSays) {
    const auto [from, to, update, migrate] = GetParam();
    const std::string old_hub(from);
    const std::string new_hub(to);
    link("b.example");
    link("c.example");
    const auto initial = object(R"({"initialTwin":{"tags":{"site":"first"},"properties":{"desired":{"x":1}}}})");
    ASSERT_TRUE(group(policy(at(old_hub, initial), update, migrate)));
    ASSERT_EQ(text_at(registered(), "/assignedHub"), old_hub);
    live_at(old_hub);
    ASSERT_TRUE(group(policy(at(new_hub, initial), update, migrate)));
    const auto state = registered();
    ASSERT_EQ(text_at(state, "/status"), "assigned") << json::serialize(state);

    const bool moves = update && from != to;
    const std::string expected_hub = moves ? new_hub : old_hub;
    EXPECT_EQ(text_at(state, "/assignedHub"), expected_hub);
    EXPECT_TRUE(comes_true([&] { return is_at(expected_hub) && (!moves || !is_at(old_hub)); }));

    const bool resets = update && !migrate;
    const auto twin = twin_at(expected_hub);
    EXPECT_EQ(twin.tags, resets ? R"({"site":"first"})" : R"({"site":"moved"})");
    EXPECT_EQ(twin.desired, resets ? R"({"x":1})" : R"({"x":2})");
    if (moves || expected_hub == own || !resets) EXPECT_EQ(twin.reported, resets ? "" : R"({"seen":true})");

    const auto* to_device = !moves ? "initialAssignment" : migrate ? "deviceDataMigrated" : "deviceDataReset";
    EXPECT_EQ(text_at(state, "/substatus"), to_device);
    const auto* to_service = moves ? to_device : update ? "reprovisionedToInitialAssignment" : "initialAssignment";
    EXPECT_EQ(record("/substatus"), to_service);

    // Once more without a change: it stays.
    EXPECT_EQ(text_at(registered(), "/substatus"), "initialAssignment");
    EXPECT_EQ(text_at(registered(), "/assignedHub"), expected_hub);
}

std::vector<Move> all_moves() {
    std::vector<Move> moves;
    for (const std::string_view from : {own, "b.example"})
        for (const std::string_view to : {own, "b.example", "c.example"})
            for (const bool update : {true, false})
                for (const bool migrate : {true, false}) moves.push_back({from, to, update, migrate});
    return moves;
}
INSTANTIATE_TEST_SUITE_P(EveryWay, ReprovisioningTest, ::testing::ValuesIn(all_moves()));

TEST_F(HubsTest, AnOldHubThatIsDownHoldsTheMoveButNotTheNewHub) {
    link("b.example");
    link("c.example");
    ASSERT_TRUE(group(at("b.example")));
    ASSERT_EQ(text_at(registered(), "/assignedHub"), "b.example");
    outside_.with("b.example", [](auto& hub) { hub.down = down; });
    ASSERT_TRUE(group(at("c.example")));
    const auto moving = run(registrations_.register_device(request("dev1", chain("dev1")), {}));
    EXPECT_EQ(text_at(registered("dev2"), "/assignedHub"), "c.example");
    EXPECT_EQ(record("/status"), "assigning");
    outside_.with("b.example", [](auto& hub) { hub.down.reset(); });
    EXPECT_EQ(text_at(final_state(moving), "/substatus"), "deviceDataMigrated");
}

TEST_F(HubsTest, AResetDoesNotWaitForTheOldHub) {
    link("b.example");
    ASSERT_TRUE(group(policy(at("b.example"), true, false)));
    ASSERT_EQ(text_at(registered(), "/assignedHub"), "b.example");
    outside_.with("b.example", [](auto& hub) { hub.down = down; });
    ASSERT_TRUE(group(policy(at(own), true, false)));
    EXPECT_EQ(text_at(registered(), "/substatus"), "deviceDataReset");
    EXPECT_TRUE(outside_.has("b.example", "dev1"));
    outside_.with("b.example", [](auto& hub) { hub.down.reset(); });
    EXPECT_TRUE(comes_true([&] { return !outside_.has("b.example", "dev1"); }));
}

TEST_F(HubsTest, ThereAndBackAgainLosesNothing) {
    link("b.example");
    ASSERT_TRUE(group(at(own, object(R"({"initialTwin":{"tags":{"n":1}}})"))));
    ASSERT_EQ(text_at(registered(), "/assignedHub"), own);
    for (int round = 0; round < 4; ++round) {
        for (const std::string hub : {"b.example", own}) {
            ASSERT_TRUE(group(at(hub)));
            const auto state = registered();
            ASSERT_EQ(text_at(state, "/assignedHub"), hub);
            ASSERT_EQ(text_at(state, "/substatus"), "deviceDataMigrated");
        }
    }
    EXPECT_EQ(own_twin("/tags/n"), "1");
    EXPECT_TRUE(comes_true([&] { return !outside_.has("b.example", "dev1"); }));
}

TEST_F(HubsTest, AChangedDeviceIdMakesANewDeviceAndLeavesTheOld) {
    link("b.example");
    const auto leaf = chain("dev1").front();
    ASSERT_TRUE(put_individual("dev1", leaf, at("b.example", {{"deviceId", "pump-1"}})));
    ASSERT_EQ(text_at(registered(), "/deviceId"), "pump-1");
    ASSERT_TRUE(put_individual("dev1", leaf, at("b.example", {{"deviceId", "pump-2"}})));
    const auto state = registered();
    EXPECT_EQ(text_at(state, "/deviceId"), "pump-2");
    EXPECT_EQ(text_at(state, "/substatus"), "initialAssignment");
    EXPECT_TRUE(outside_.has("b.example", "pump-1"));
    EXPECT_TRUE(outside_.has("b.example", "pump-2"));
}

TEST_F(HubsTest, AFailedMoveLeavesTheDeviceWhereItWas) {
    link("b.example");
    ASSERT_TRUE(group(at(own)));
    ASSERT_EQ(text_at(registered(), "/assignedHub"), own);
    outside_.with("b.example", [](auto& hub) { hub.refuses = Error(Errc::invalid_argument, "no"); });
    ASSERT_TRUE(group(at("b.example")));
    EXPECT_EQ(text_at(registered(), "/status"), "failed");
    EXPECT_TRUE(at_own_hub());
    outside_.with("b.example", [](auto& hub) { hub.refuses.reset(); });
    EXPECT_EQ(text_at(registered(), "/substatus"), "deviceDataMigrated");
    EXPECT_FALSE(at_own_hub());
}

TEST_F(HubsTest, NeverKeepsToAHubThatIsNotLinkedAnyMore) {
    link("b.example");
    ASSERT_TRUE(group(policy(at("b.example"), false, false)));
    ASSERT_EQ(text_at(registered(), "/assignedHub"), "b.example");
    ASSERT_TRUE(run(linked_.remove("b.example", std::nullopt)));
    ASSERT_TRUE(group(policy(at(own), false, false)));
    EXPECT_EQ(text_at(registered(), "/assignedHub"), "b.example");
    EXPECT_FALSE(at_own_hub());
}

TEST_F(HubsTest, AnOperatorIsToldWhereADeviceWouldGo) {
    link("b.example");
    const auto told = [&] {
        const auto explained = run(registrations_.explain(request("dev1", chain("dev1"))));
        return explained ? json::serialize(*explained) : why(explained);
    };
    ASSERT_TRUE(group(at("b.example", object(R"({"allocationPolicy":"static"})"))));
    EXPECT_NE(told().find("static chooses 'b.example'"), std::string::npos) << told();
    ASSERT_EQ(text_at(registered(), "/assignedHub"), "b.example");
    ASSERT_TRUE(group(policy(at(own), false, false)));
    EXPECT_NE(told().find("it stays at 'b.example'"), std::string::npos) << told();
    ASSERT_TRUE(run(linked_.remove("b.example", std::nullopt)));
    ASSERT_TRUE(run(linked_.put(own, object(R"({"applyAllocationPolicy":false})"), std::nullopt, true)));
    ASSERT_TRUE(group({}));
    EXPECT_NE(told().find("no linked hub takes part"), std::string::npos) << told();
}

// Whatever happens in between, a device ends at one hub, the one of its record, and its twin has come along.
class JourneyTest : public HubsTest, public ::testing::WithParamInterface<std::uint64_t> {};

TEST_P(JourneyTest, EndsAtOneHubWithTheTwinThatItHad) {
    SeededRandom dice(GetParam());
    const std::vector<std::string> all{own, "b.example", "c.example"};
    const auto set_down = [&](const std::string& hub, bool away) {
        outside_.with(hub, [&](auto& at) { at.down = away ? std::optional(down) : std::nullopt; });
    };
    link("b.example");
    link("c.example");
    ASSERT_TRUE(group(at(own, object(R"({"initialTwin":{"tags":{"born":"here"}}})"))));
    ASSERT_EQ(text_at(registered(), "/assignedHub"), own);
    std::string last = own;
    for (int step = 0; step < 40; ++step) {
        const auto& hub = all[dice.below(all.size())];
        switch (dice.below(6)) {
            case 0:
            case 1: ASSERT_TRUE(group(at(last = hub, object(R"({"initialTwin":{"tags":{"born":"again"}}})")))); break;
            case 2:
            case 3: ASSERT_TRUE(run(registrations_.register_device(request("dev1", chain("dev1")), {}))); break;
            case 4:
                if (hub != own) set_down(hub, dice.below(2) == 0);
                break;
            default:
                if (dice.below(3) == 0) restart();
                std::this_thread::sleep_for(std::chrono::milliseconds(dice.below(15)));
        }
    }
    for (const auto* hub : {"b.example", "c.example"}) set_down(hub, false);
    clock_.advance(std::chrono::seconds(1));
    const auto state = registered();
    ASSERT_EQ(text_at(state, "/status"), "assigned") << json::serialize(state);
    EXPECT_EQ(text_at(state, "/assignedHub"), last);
    EXPECT_TRUE(comes_true([&] { return left_in_outbox() == 0; }));
    EXPECT_EQ(at_own_hub(), last == own);
    for (const std::string hub : {"b.example", "c.example"}) EXPECT_EQ(outside_.has(hub, "dev1"), last == hub) << hub;
    const auto tags = last == own ? own_twin("/tags") : outside_.device(last, "dev1").twin.tags;
    EXPECT_EQ(tags, R"({"born":"here"})");
}
INSTANTIATE_TEST_SUITE_P(Dice, JourneyTest, ::testing::Range<std::uint64_t>(1, 13));

// --- custom allocation

class CustomTest : public HubsTest {
protected:
    CustomTest() {
        link("b.example");
        const auto made = group(object(R"({"allocationPolicy":"custom",
            "customAllocationDefinition":{"webhookUrl":"https://hook.example/choose?code=1","apiVersion":"2019-03-31"},
            "initialTwin":{"tags":{"from":"enrollment"}}})"));
        EXPECT_TRUE(made) << why(made);
    }
    void answer(int status, std::string body) { outside_.replies = {WebhookReply{status, std::move(body)}}; }
};

TEST_F(CustomTest, TheWebhookChoosesHubTwinAndPayload) {
    answer(200, R"({"iotHubHostName":"b.example","initialTwin":{"tags":{"from":"hook"}},"payload":{"hello":[1]}})");
    const auto state = registered("dev1", object(R"({"payload":{"model":"m"}})"));
    EXPECT_EQ(text_at(state, "/assignedHub"), "b.example") << json::serialize(state);
    EXPECT_EQ(text_at(state, "/payload/hello/0"), "1");
    EXPECT_EQ(record("/payload/hello/0"), "1");
    EXPECT_EQ(outside_.device("b.example", "dev1").twin.tags, R"({"from":"hook"})");
    ASSERT_EQ(outside_.asked.size(), 1u);
    EXPECT_EQ(outside_.asked[0].first, "https://hook.example/choose?code=1");
    const json::value asked = object(outside_.asked[0].second);
    EXPECT_EQ(text_at(asked, "/deviceRuntimeContext/payload/model"), "m");
    EXPECT_EQ(text_at(asked, "/linkedHubs"), R"(["hub.example","b.example"])");
    // The next time it is told where the device is.
    answer(200, R"({"iotHubHostName":"hub.example"})");
    EXPECT_EQ(text_at(registered(), "/substatus"), "deviceDataMigrated");
    const json::value again = object(outside_.asked[1].second);
    EXPECT_EQ(text_at(again, "/deviceRuntimeContext/currentIotHubHostName"), "b.example");
    EXPECT_EQ(text_at(again, "/deviceRuntimeContext/currentDeviceId"), "dev1");
}

TEST_F(CustomTest, WhatItDoesWrongFailsTheRegistration) {
    struct Case {
        int status;
        std::string body;
        std::string_view mentions;
    };
    for (const auto& [status, body, mentions] :
         {Case{500, "", "status code: 500"}, Case{404, "no", "status code: 404"},
          Case{200, "<html>", "status code: 200"},
          Case{200, R"({"iotHubHostName":"foreign.example"})", "foreign.example"}}) {
        answer(status, body);
        const auto state = registered();
        EXPECT_EQ(text_at(state, "/status"), "failed");
        EXPECT_EQ(text_at(state, "/errorCode"), std::to_string(code::custom_allocation_failed));
        EXPECT_NE(text_at(state, "/errorMessage").find(mentions), std::string::npos) << json::serialize(state);
    }
    outside_.replies.clear();
    EXPECT_EQ(text_at(registered(), "/errorCode"), std::to_string(code::custom_allocation_failed));
}

TEST_F(CustomTest, AFaultThatPassesIsAskedAgain) {
    outside_.replies = {WebhookReply{503, ""}, fail(Errc::timeout, "slow"),
                        WebhookReply{200, R"({"iotHubHostName":"hub.example"})"}};
    EXPECT_EQ(text_at(registered(), "/assignedHub"), own);
    EXPECT_EQ(outside_.asked.size(), 3u);
}

// --- the links themselves

TEST_F(HubsTest, ALinkIsShownWithoutItsKeyAndChangedWithoutGivingItAgain) {
    link("b.example", object(R"({"allocationWeight":7,"location":"Bergen"})"));
    auto shown = run(linked_.get("B.EXAMPLE"));
    ASSERT_TRUE(shown);
    EXPECT_EQ(text_at(*shown, "/connectionString"),
              "HostName=b.example;SharedAccessKeyName=iothubowner;SharedAccessKey=****");
    EXPECT_EQ(text_at(*shown, "/address"), "b.example:443");
    EXPECT_EQ(text_at(*shown, "/allocationWeight"), "7");
    auto changed = *shown;
    changed["allocationWeight"] = 9;
    const auto etag = text_at(*shown, "/etag");
    ASSERT_TRUE(run(linked_.put("b.example", changed, etag, true)));
    EXPECT_EQ(number(run(linked_.put("b.example", changed, etag, true))), code::precondition_failed);
    shown = run(linked_.get("b.example"));
    EXPECT_EQ(text_at(*shown, "/allocationWeight"), "9");
    EXPECT_EQ(text_at(*shown, "/location"), "Bergen");
    EXPECT_EQ(linked_.current()->find("b.example")->access->key.size(), 32u);
}

TEST_F(HubsTest, ALinkThatCannotWorkIsRefused) {
    const auto put = [&](std::string name, std::string_view body, bool untried = true) {
        return run(linked_.put(std::move(name), object(body), std::nullopt, untried));
    };
    struct Case {
        std::string name;
        std::string_view body;
        std::string_view mentions;
    };
    const std::string_view good =
        R"({"connectionString":"HostName=b.example;SharedAccessKeyName=p;SharedAccessKey=AAAA"})";
    for (const auto& [name, body, mentions] :
         {Case{"b.example", "{}", "connectionString"}, Case{"c.example", good, "c.example"},
          Case{"b.example", R"({"connectionString":"HostName=b.example"})", "SharedAccessKey"},
          Case{"b.example", R"({"connectionString":"HostName=b.example;DeviceId=d;SharedAccessKey=AAAA"})", "device"},
          Case{own, R"({"connectionString":"HostName=hub.example;SharedAccessKeyName=p;SharedAccessKey=AAAA"})",
               "own hub"},
          Case{own, R"({"allocationWeight":0})", "1 to 1000"}, Case{own, R"({"allocationWeight":1001})", "1 to 1000"},
          Case{own, R"({"latencies":[{"network":"x","milliseconds":1}]})", "network"},
          Case{own, R"({"latencies":[{"network":"*"}]})", "milliseconds"},
          Case{own, R"({"caCertificate":"nonsense"})", "caCertificate"}, Case{"a/b", good, "host name"}}) {
        const auto refused = put(name, body);
        EXPECT_EQ(number(refused), code::invalid_body) << body;
        EXPECT_NE(why(refused).find(mentions), std::string::npos) << why(refused);
        EXPECT_EQ(why(refused).find("AAAA"), std::string::npos) << why(refused);
    }
    outside_.with("b.example", [](auto& hub) { hub.down = Error(Errc::forbidden, "status 401"); });
    EXPECT_NE(why(put("b.example", good, false)).find("status 401"), std::string::npos);
    EXPECT_EQ(linked_.list().size(), 1u);
    EXPECT_TRUE(put("b.example", good, true));
    EXPECT_EQ(number(run(linked_.remove(own, std::nullopt))), code::conflict);
    EXPECT_EQ(number(run(linked_.remove("c.example", std::nullopt))), code::not_found);
}

TEST_F(HubsTest, TheServicesPolicyIsForEnrollmentsThatNameNone) {
    link("b.example");
    EXPECT_EQ(number(run(linked_.put_default_policy(object(R"({"allocationPolicy":"custom"})")))), code::invalid_body);
    ASSERT_TRUE(run(linked_.put_default_policy(object(R"({"allocationPolicy":"static"})"))));
    ASSERT_TRUE(group({}));
    EXPECT_EQ(text_at(*run(enrollments_.get(EnrollmentKind::group, "plant")), "/allocationPolicy"), "static");
    EXPECT_EQ(text_at(registered(), "/errorCode"), std::to_string(code::no_hub));
    ASSERT_TRUE(group(at("b.example")));
    EXPECT_EQ(text_at(registered(), "/assignedHub"), "b.example");
    ASSERT_TRUE(group(object(R"({"iotHubHostName":"b.example"})")));
    EXPECT_EQ(text_at(*run(enrollments_.get(EnrollmentKind::group, "plant")), "/allocationPolicy"), "static");
    EXPECT_EQ(text_at(*run(enrollments_.get(EnrollmentKind::group, "plant")), "/iotHubHostName"), "b.example");
}

}  // namespace
}  // namespace muster::provisioning
