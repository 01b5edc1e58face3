#include "provisioning/allocation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "provisioning/errors.h"

namespace muster::provisioning {
namespace {

LinkedHub hub(std::string name, std::int64_t weight = 1, bool allocates = true) {
    LinkedHub made{.name = std::move(name), .state = std::make_shared<HubState>()};
    made.weight = weight;
    made.allocates = allocates;
    if (made.name != "own.example") made.access = std::make_shared<const HubAccess>();
    return made;
}

HubList hubs(std::vector<LinkedHub> list) {
    return {std::move(list), AllocationPolicy::hashed};
}

std::string place(const HubList& list, const std::string& id, AllocationPolicy policy = AllocationPolicy::hashed,
                  const std::vector<std::string>& named = {}, std::string_view peer = "",
                  std::string_view current = "") {
    const auto chosen = allocate(list, policy, named, {id, peer, current});
    return chosen ? (*chosen)->name : fmt::format("{}", chosen.error().number());
}

std::map<std::string, std::string> fleet(const HubList& list, int devices) {
    std::map<std::string, std::string> places;
    for (int i = 0; i < devices; ++i) {
        const auto id = fmt::format("device-{}", i);
        places[id] = place(list, id);
    }
    return places;
}

TEST(Hashed, SharesFollowTheWeightsWithinStatisticalBounds) {
    constexpr int devices = 20'000;
    const std::vector<std::int64_t> weights{1, 3, 6};
    const auto list = hubs({hub("own.example", 1), hub("b.example", 3), hub("c.example", 6)});
    std::map<std::string, int> counts;
    for (const auto& [id, name] : fleet(list, devices)) ++counts[name];
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const double share = static_cast<double>(weights[i]) / 10;
        const double expected = share * devices;
        // Five standard deviations of a binomial: one run in two million lies beyond, and these ids are always the
        // same.
        const double bound = 5 * std::sqrt(devices * share * (1 - share));
        EXPECT_NEAR(counts[list.all()[i].name], expected, bound) << list.all()[i].name;
    }
}

TEST(Hashed, TheSameDeviceGoesToTheSameHubHoweverItIsSpelled) {
    const auto list = hubs({hub("own.example"), hub("b.example"), hub("c.example")});
    for (int i = 0; i < 100; ++i) {
        const auto id = fmt::format("Device-{}", i);
        EXPECT_EQ(place(list, id), place(list, id));
        EXPECT_EQ(place(list, id), place(list, fmt::format("DEVICE-{}", i)));
    }
}

TEST(Hashed, AChangedWeightMovesOnlyToOrFromThatHub) {
    constexpr int devices = 5'000;
    const auto before = fleet(hubs({hub("own.example", 2), hub("b.example", 2), hub("c.example", 2)}), devices);
    const auto heavier = fleet(hubs({hub("own.example", 2), hub("b.example", 4), hub("c.example", 2)}), devices);
    const auto lighter = fleet(hubs({hub("own.example", 2), hub("b.example", 1), hub("c.example", 2)}), devices);
    const auto gone = fleet(hubs({hub("own.example", 2), hub("c.example", 2)}), devices);
    int moved = 0;
    for (const auto& [id, name] : before) {
        if (heavier.at(id) != name) {
            EXPECT_EQ(heavier.at(id), "b.example");
            ++moved;
        }
        if (lighter.at(id) != name) EXPECT_EQ(name, "b.example");
        if (gone.at(id) != name) EXPECT_EQ(name, "b.example");
    }
    // From a third of them to a half: a sixth moves, and no more than that.
    EXPECT_NEAR(moved, devices / 6.0, 5 * std::sqrt(devices * (1 / 6.0) * (5 / 6.0)));
}

TEST(Allocation, HubsThatTakeNoPartAreReachedByNameAlone) {
    const auto list = hubs({hub("own.example", 1, false), hub("b.example")});
    for (int i = 0; i < 50; ++i) EXPECT_EQ(place(list, fmt::format("d{}", i)), "b.example");
    EXPECT_EQ(place(list, "d", AllocationPolicy::fixed, {"OWN.example"}), "own.example");
    EXPECT_EQ(place(list, "d", AllocationPolicy::hashed, {"own.example"}), "own.example");
}

TEST(Allocation, WithoutAHubItFails) {
    const auto list = hubs({hub("own.example", 1, false)});
    const auto no_hub = std::to_string(code::no_hub);
    EXPECT_EQ(place(list, "d"), no_hub);
    EXPECT_EQ(place(list, "d", AllocationPolicy::hashed, {"gone.example"}), no_hub);
    EXPECT_EQ(place(list, "d", AllocationPolicy::fixed), no_hub);
    EXPECT_EQ(place(list, "d", AllocationPolicy::fixed, {"own.example", "b.example"}), no_hub);
}

TEST(GeoLatency, TheOperatorsWordForTheDevicesNetworkCountsFirst) {
    auto near = hub("near.example");
    auto far = hub("far.example");
    near.latencies = {*HubLatency::parse("*", 50), *HubLatency::parse("10.1.0.0/16", 2),
                      *HubLatency::parse("fd00::/8", 3)};
    far.latencies = {*HubLatency::parse("*", 20), *HubLatency::parse("10.0.0.0/8", 30)};
    const auto list = hubs({near, far});
    const auto at = [&](std::string_view peer) { return place(list, "d", AllocationPolicy::geo_latency, {}, peer); };
    EXPECT_EQ(at("10.1.2.3:50000"), "near.example");
    EXPECT_EQ(at("10.2.2.3:50000"), "far.example");
    EXPECT_EQ(at("192.0.2.1:1"), "far.example");
    EXPECT_EQ(at("[fd00::1]:443"), "near.example");
    EXPECT_EQ(at("[::ffff:10.1.2.3]:443"), "near.example");
    EXPECT_EQ(at("nonsense"), "far.example");
}

TEST(GeoLatency, OtherwiseWhatWasMeasuredCounts) {
    auto b = hub("b.example");
    auto c = hub("c.example");
    const auto list = hubs({b, c});
    // Nobody knows: they are hashed.
    std::map<std::string, int> counts;
    for (int i = 0; i < 200; ++i) ++counts[place(list, fmt::format("d{}", i), AllocationPolicy::geo_latency)];
    EXPECT_EQ(counts.size(), 2u);
    c.state->measured(std::chrono::milliseconds(30));
    EXPECT_EQ(place(list, "d", AllocationPolicy::geo_latency), "c.example");
    b.state->measured(std::chrono::milliseconds(10));
    EXPECT_EQ(place(list, "d", AllocationPolicy::geo_latency), "b.example");
    // A single slow answer does not turn it over, several do.
    b.state->measured(std::chrono::milliseconds(60));
    EXPECT_EQ(place(list, "d", AllocationPolicy::geo_latency), "b.example");
    for (int i = 0; i < 40; ++i) b.state->measured(std::chrono::milliseconds(60));
    EXPECT_EQ(place(list, "d", AllocationPolicy::geo_latency), "c.example");
}

TEST(GeoLatency, EquallyNearHubsKeepWhomTheyHave) {
    auto b = hub("b.example");
    auto c = hub("c.example");
    b.state->measured(std::chrono::milliseconds(10));
    c.state->measured(std::chrono::milliseconds(14));
    const auto list = hubs({b, c});
    for (int i = 0; i < 50; ++i) {
        const auto id = fmt::format("d{}", i);
        EXPECT_EQ(place(list, id, AllocationPolicy::geo_latency, {}, "", "b.example"), "b.example");
        EXPECT_EQ(place(list, id, AllocationPolicy::geo_latency, {}, "", "c.example"), "c.example");
    }
}

TEST(Latencies, AreReadAsTheyAreWritten) {
    EXPECT_EQ(HubLatency::parse("10.1.2.3/16", 5)->network_text(), "10.1.0.0/16");
    EXPECT_EQ(HubLatency::parse("*", 5)->network_text(), "*");
    for (const auto* wrong : {"", "10.1.0.0", "10.1.0.0/33", "fd00::/129", "plant", "10.1.0.0/-1"})
        EXPECT_FALSE(HubLatency::parse(wrong, 5)) << wrong;
    EXPECT_FALSE(HubLatency::parse("*", -1));
    EXPECT_FALSE(HubLatency::parse("*", 60'001));
}

}  // namespace
}  // namespace muster::provisioning
