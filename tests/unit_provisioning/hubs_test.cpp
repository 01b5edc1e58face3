// Devices on their way to hubs: what waits, fails, is taken back or taken up again.
#include "hubs_fixture.h"

namespace muster::provisioning {
namespace {

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
    // A call that was under way may have made it there; it is taken back.
    EXPECT_TRUE(comes_true([&] { return !outside_.has("b.example", "dev1"); }));
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

// What a revocation does at the hub, as the service's authority has it done.
TEST_F(HubsTest, ARevokedCertificateOpensItsHubNoMore) {
    link("b.example");
    record_as_issued();
    ASSERT_TRUE(group(at("b.example", object(R"({"initialTwin":{"tags":{"site":"here"}}})"))));
    ASSERT_EQ(text_at(registered(), "/assignedHub"), "b.example");
    const auto thumbprint = chain("dev1").front().sha256_thumbprint();
    ASSERT_EQ(outside_.device("b.example", "dev1").credential.thumbprint, thumbprint);
    outside_.with("b.example", [](auto& hub) { hub.down = down; });
    const auto wakes = store_->transact_now([&](store::Tx& tx) -> Result<> {
        MUSTER_CHECK(tx.issued_certificates().revoke("5E", clock_.now(), "keyCompromise"));
        MUSTER_TRY(const auto revoked, tx.issued_certificates().find("5E"));
        MUSTER_TRY(const auto queues, lock_out_revoked(tx, *revoked, *linked_.current(), clock_.now(), random_));
        EXPECT_EQ(queues, Wakes{hub_queue("b.example")});
        return {};
    });
    ASSERT_TRUE(wakes) << why(wakes);
    deliveries_->wake(hub_queue("b.example"));
    outside_.with("b.example", [](auto& hub) { hub.down.reset(); });
    clock_.advance(std::chrono::seconds(60));
    EXPECT_TRUE(comes_true([&] { return left_in_outbox() == 0; }));
    EXPECT_EQ(outside_.device("b.example", "dev1").credential.thumbprint, "");
    EXPECT_EQ(outside_.device("b.example", "dev1").twin.tags, R"({"site":"here"})") << "the device stays";
}

// The list is kept under another certificate of the same CA than the device's path ended at.
TEST_F(HubsTest, ACertificateListedWhileItsDeviceWaitsLetsNobodyIn) {
    link("b.example");
    ASSERT_TRUE(group(at("b.example")));
    outside_.with("b.example", [](auto& hub) { hub.down = down; });
    const auto waiting = run(registrations_.register_device(request("dev1", chain("dev1")), {}));
    const auto other = run(registrations_.register_device(request("dev2", chain("dev2")), {}));
    ASSERT_TRUE(waiting && other);
    const auto revoked = chain("dev1").front();
    const auto list = pki::make_crl({.entries = {{revoked.serial_hex(), clock_.now()}},
                                     .number = 1,
                                     .this_update = clock_.now(),
                                     .next_update = clock_.now() + std::chrono::hours(1)},
                                    {root_.certificate, root_.key});
    const auto anew = pki::issue({.profile = pki::Profile::root_ca,
                                  .common_name = root_.certificate.common_name(),
                                  .not_before = clock_.now(),
                                  .not_after = clock_.now() + std::chrono::hours(24)},
                                 *root_.key.public_key(), nullptr, &root_.key, random_);
    ASSERT_TRUE(anew);
    ASSERT_TRUE(store_->transact_now([&](store::Tx& tx) {
        return tx.group_crls().put(
            {.group_id = "plant", .issuer = anew->sha256_thumbprint(), .list = *list, .certificate = anew->der()});
    }));
    ASSERT_TRUE(run(groups_.refresh()));
    outside_.with("b.example", [](auto& hub) { hub.down.reset(); });
    clock_.advance(std::chrono::seconds(60));
    deliveries_->wake(hub_queue("b.example"));
    EXPECT_TRUE(comes_true([&] { return record("/status") == "failed"; }));
    EXPECT_EQ(record("/errorMessage"), "the certificate came into a revocation list while the device waited");
    EXPECT_EQ(text_at(final_state(other, "dev2"), "/status"), "assigned");
    // A call that was under way may have made it there; it is taken back.
    EXPECT_TRUE(comes_true([&] { return !outside_.has("b.example", "dev1"); }));
}

// The hub may know an older one than that which was revoked last.
TEST_F(HubsTest, OfSeveralRevokedCertificatesTheOneAtTheHubGoes) {
    link("b.example");
    record_as_issued();
    ASSERT_TRUE(group(at("b.example")));
    ASSERT_EQ(text_at(registered(), "/assignedHub"), "b.example");
    outside_.with("b.example", [](auto& hub) { hub.down = down; });
    ASSERT_TRUE(store_->transact_now([&](store::Tx& tx) -> Result<> {
        MUSTER_TRY(const auto at_hub, tx.issued_certificates().find("5E"));
        auto other = *at_hub;
        other.fingerprint = "OTHER";
        for (const auto& revoked : {*at_hub, other})
            MUSTER_CHECK(lock_out_revoked(tx, revoked, *linked_.current(), clock_.now(), random_));
        return {};
    }));
    deliveries_->wake(hub_queue("b.example"));
    outside_.with("b.example", [](auto& hub) { hub.down.reset(); });
    clock_.advance(std::chrono::seconds(60));
    EXPECT_TRUE(comes_true([&] { return left_in_outbox() == 0; }));
    EXPECT_EQ(outside_.device("b.example", "dev1").credential.thumbprint, "");
}

// It was at that hub before, which was given the new certificate already.
TEST_F(HubsTest, ACertificateRevokedWhileTheSameHubIsAskedDoesNotStayThere) {
    link("b.example");
    ASSERT_TRUE(group(at("b.example")));
    ASSERT_EQ(text_at(registered(), "/assignedHub"), "b.example");
    leaves_.insert_or_assign("dev1", pki_.leaf(&root_, "dev1"));
    record_as_issued();
    outside_.with("b.example", [&](auto& hub) { hub.answers = [this] { return revoke(); }; });
    EXPECT_EQ(text_at(registered(), "/errorMessage"), "the certificate was revoked while the device waited");
    EXPECT_TRUE(comes_true([&] { return left_in_outbox() == 0; }));
    EXPECT_TRUE(outside_.has("b.example", "dev1"));
    EXPECT_EQ(outside_.device("b.example", "dev1").credential.thumbprint, "");
}

TEST_F(HubsTest, AnotherDeviceIdAtTheSameHubIsTakenBackWithItsRegistration) {
    link("b.example");
    ASSERT_TRUE(put_individual("dev1", chain("dev1").front(), at("b.example")));
    ASSERT_EQ(text_at(registered(), "/assignedHub"), "b.example");
    record_as_issued();
    ASSERT_TRUE(put_individual("dev1", chain("dev1").front(), at("b.example", object(R"({"deviceId":"renamed"})"))));
    outside_.with("b.example", [&](auto& hub) { hub.answers = [this] { return revoke(); }; });
    EXPECT_EQ(text_at(registered(), "/status"), "failed");
    EXPECT_TRUE(comes_true([&] { return !outside_.has("b.example", "renamed") && left_in_outbox() == 0; }));
    EXPECT_TRUE(outside_.has("b.example", "dev1"));
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

}  // namespace
}  // namespace muster::provisioning
