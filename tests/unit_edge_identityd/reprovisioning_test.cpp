// auto_reprovisioning_mode: a device that is moved between two hubs, a hub that goes away, restarts with and without a
// network.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "edge/identityd/hub_watch.h"
#include "identity_fixture.h"

namespace muster::edge::testing {
namespace {

class Reprovisioning : public IdentityTest {
protected:
    void SetUp() override { cloud.set_at_once(true); }
    void begin(const std::string& mode) {
        write_credentials("dev-1");
        configure(mode);
        start_all();
        ASSERT_EQ(wait_for_identity(), "dev-1") << log();
    }
    // Both clouds are trusted: the first has DPS and a hub, the other a hub.
    void configure(const std::string& mode) {
        write_identity_settings(fmt::format("auto_reprovisioning_mode = \"{}\"\n", mode));
        device.write("certs/cloud-ca.pem", cloud.ca_pem() + other.ca_pem());
    }
    void restart() {
        device.stop(Service::identityd, SIGTERM);
        device.start(Service::identityd);
    }
    // The operator moves the device: DPS gives the other hub now, the old one knows it no more.
    void move() {
        cloud.set_assigned_hub(other.address());
        cloud.set_hub_status(401);
    }
    std::string hub() const {
        const auto answer = device_identity();
        return answer.status == 200 ? string_or(answer.body.at("spec").as_object(), "hubName") : "";
    }
    bool eventually(const std::function<bool()>& holds,
                    std::chrono::seconds patience = std::chrono::seconds(40)) const {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (!holds() && std::chrono::steady_clock::now() < end)
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        return holds();
    }
    bool moved() const {
        return eventually([this] { return hub() == other.address(); });
    }
    Answer create(const std::string& module) const {
        return identityd("POST", "/identities/modules?type=aziot", {{"type", "aziot"}, {"moduleId", module}});
    }

    FakeCloud other;
};

class EveryMode : public Reprovisioning, public ::testing::WithParamInterface<std::string> {};

TEST_P(EveryMode, AMovedDeviceFindsItsHubAtTheNextStart) {
    begin(GetParam());
    move();
    EXPECT_EQ(hub(), cloud.address());
    restart();
    EXPECT_TRUE(moved()) << log();
    EXPECT_EQ(create("m1").status, 200);
    EXPECT_TRUE(other.modules().contains("m1"));
}

TEST_P(EveryMode, AMovedDeviceFindsItsHubWhenTheOldOneRefusesACall) {
    begin(GetParam());
    move();
    EXPECT_EQ(create("m1").status, 404) << "the call itself fails: the caller decides whether to repeat it";
    EXPECT_TRUE(moved()) << log();
    EXPECT_EQ(create("m1").status, 200);
}

TEST_P(EveryMode, WithoutANetworkTheLastIdentityServes) {
    begin(GetParam());
    ASSERT_EQ(create("m1").status, 200);
    cloud.go_away();
    restart();
    EXPECT_EQ(wait_for_identity(), "dev-1") << log();
    EXPECT_EQ(identityd("GET", "/identities/modules/m1?type=aziot").status, 200) << "from what is remembered";
    EXPECT_EQ(identityd("POST", "/identities/device/reprovision", {{"type", "aziot"}}).status, 404);
    EXPECT_EQ(wait_for_identity(), "dev-1");
}

INSTANTIATE_TEST_SUITE_P(Modes, EveryMode, ::testing::Values("Dynamic", "AlwaysOnStartup", "OnErrorOnly"),
                         [](const auto& info) { return info.param; });

TEST_F(Reprovisioning, AlwaysOnStartupRegistersAtEveryStart) {
    begin("AlwaysOnStartup");
    for (int start = 2; start <= 3; ++start) {
        restart();
        EXPECT_TRUE(eventually([&] { return cloud.registrations() == start; })) << log();
    }
    configure("OnErrorOnly");
    restart();
    EXPECT_EQ(wait_for_identity(), "dev-1");
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    EXPECT_EQ(cloud.registrations(), 3);
}

TEST_F(Reprovisioning, AlwaysOnStartupTakesTheNewIdentityWhenThereIsOne) {
    begin("AlwaysOnStartup");
    cloud.set_device_id("dev-2");
    cloud.script_register({json_answer(503, json::object{{"message", "down"}})});
    restart();
    EXPECT_EQ(wait_for_identity(), "dev-1") << "until then the last one";
    EXPECT_TRUE(eventually([&] { return wait_for_identity() == "dev-2"; })) << log();
}

TEST_F(Reprovisioning, ARefusalThatDpsDoesNotMendIsNoStorm) {
    begin("Dynamic");
    cloud.set_hub_status(401);
    for (int i = 0; i < 30; ++i) create("m1");
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    EXPECT_LE(cloud.registrations(), 2) << log();
}

TEST_F(Reprovisioning, AnInfrastructureFaultOfTheHubIsNoReasonToMove) {
    begin("Dynamic");
    cloud.set_hub_status(500);
    restart();
    for (int i = 0; i < 5; ++i) create("m1");
    cloud.set_hub_status(429);
    for (int i = 0; i < 5; ++i) create("m1");
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    EXPECT_EQ(cloud.registrations(), 1);
}

// The watch itself, at a pace for tests, with keyd and certd beside it.
class Watching : public Reprovisioning {
protected:
    void begin_watch(const std::string& mode) {
        write_credentials("dev-1");
        configure(mode);
        device.start(Service::keyd);
        device.start(Service::certd);
        state.emplace(identityd::State::open(device.paths().root() / "state").value());
        const identityd::Neighbours neighbours{keyd::Client(device.paths().socket(Service::keyd)),
                                               certd::Client(device.paths().socket(Service::certd)),
                                               tpmd::Client(device.paths().socket(Service::tpmd))};
        auto settings = identityd::Settings::load(device.paths()).value();
        provisioner.emplace(*state, neighbours, std::move(settings), random, identityd::Provisioner::Pace{});
        modules.emplace(*state, *provisioner, neighbours);
        using std::chrono::milliseconds;
        watch.emplace(
            *provisioner, *modules, random,
            identityd::HubWatch::Pace{milliseconds(1), milliseconds(300), milliseconds(50), milliseconds(200), 3});
        loop.start();
        boost::asio::co_spawn(
            loop.at(0),
            [](auto& self) -> Task<> {
                co_await self.provisioner->run();
                co_await self.watch->run(true);
            }(*this),
            boost::asio::detached);
        ASSERT_TRUE(eventually([&] { return !known_hub().empty(); }));
    }
    void TearDown() override { loop.stop(); }
    std::string known_hub() const {
        const auto identity = provisioner->identity();
        return identity ? identity->hub : "";
    }

    SystemRandom random;
    net::Reactors loop{1};
    std::optional<identityd::State> state;
    std::optional<identityd::Provisioner> provisioner;
    std::optional<identityd::Modules> modules;
    std::optional<identityd::HubWatch> watch;
};

TEST_F(Watching, DynamicNoticesByItself) {
    begin_watch("Dynamic");
    move();
    EXPECT_TRUE(eventually([&] { return known_hub() == other.address(); }));
}

TEST_F(Watching, TheOtherModesAskOnlyWhenTheHubRefuses) {
    begin_watch("OnErrorOnly");
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    const auto asked = cloud.seen().size();
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    EXPECT_EQ(cloud.seen().size(), asked) << "no look without a reason";
}

TEST_F(Watching, AHubThatIsTakenAwayIsReplacedByTheOneThatDpsNames) {
    cloud.set_assigned_hub(other.address());
    begin_watch("OnErrorOnly");
    ASSERT_TRUE(eventually([&] { return known_hub() == other.address(); }));
    other.go_away();
    cloud.set_assigned_hub(cloud.address());
    // As a call of the hub that is refused would.
    boost::asio::post(loop.at(0), [this] { watch->suspect(); });
    EXPECT_TRUE(eventually([&] { return known_hub() == cloud.address(); }));
}

TEST_F(Watching, AHubWithTroublesOfItsOwnIsNotLeft) {
    begin_watch("Dynamic");
    cloud.set_hub_status(503);
    cloud.set_assigned_hub(other.address());
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    EXPECT_EQ(known_hub(), cloud.address());
    EXPECT_EQ(cloud.registrations(), 1);
}

TEST_F(Watching, WithoutAnyNetworkTheIdentityStays) {
    begin_watch("Dynamic");
    cloud.go_away();
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    EXPECT_EQ(known_hub(), cloud.address());
}

}  // namespace
}  // namespace muster::edge::testing
