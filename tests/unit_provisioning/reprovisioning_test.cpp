// Devices that register again: which hub they go to, and what of their twins goes along.
#include "hubs_fixture.h"

namespace muster::provisioning {
namespace {

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

}  // namespace
}  // namespace muster::provisioning
