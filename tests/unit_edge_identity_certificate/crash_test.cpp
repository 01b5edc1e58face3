// kill -9 of each daemon at random instants of renewals that never end: the device always provisions.
#include <random>

#include "issued_device.h"

namespace muster::edge::testing {
namespace {

using namespace std::chrono_literals;

constexpr int rounds = 20;
constexpr int most_rounds = 100;  // until a kill has come in the middle of a renewal

void await_staged_key(const std::filesystem::path& file, std::chrono::milliseconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!std::filesystem::exists(file) && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::microseconds(200));
}

TEST_F(IssuedDevice, ProvisionsAfterEveryKill) {
    // A renewal every second, which is the least pause, and one soon after each start.
    est.set_life(100s);
    write_settings(renewing("1%", "1%"));
    start_all();
    ASSERT_TRUE(eventually([&] { return provisioned(); })) << log();
    std::mt19937 random(20261126);
    const std::vector victims{Service::identityd, Service::certd, Service::keyd};
    int halfway = 0;
    int renewals = 0;
    auto last = certificate()->der();
    const auto proved = [&] { return halfway > 0 && renewals > 0; };
    for (int round = 0; round < rounds || (!proved() && round < most_rounds); ++round) {
        std::this_thread::sleep_for(std::chrono::milliseconds(200 + random() % 1000));
        // Every other time in the middle of one: a renewal takes a small part of the second between two.
        if (round % 2 == 1) await_staged_key(device.key_file("device-id-temp"), 20s);
        const auto victim = victims[random() % victims.size()];
        device.stop(victim, SIGKILL);
        if (victim != Service::identityd) device.stop(Service::identityd, SIGKILL);
        halfway += std::filesystem::exists(device.key_file("device-id-temp")) || !whole() ? 1 : 0;
        if (victim != Service::identityd) device.start(victim);
        device.start(Service::identityd);
        ASSERT_TRUE(eventually([&] { return provision(); })) << "round " << round << log();
        renewals += certificate()->der() != last ? 1 : 0;
        last = certificate()->der();
    }
    EXPECT_GT(halfway, 0) << "the kills came at the wrong times to prove anything";
    EXPECT_GT(renewals, 0);
    EXPECT_TRUE(eventually([&] { return whole(); }));
}

}  // namespace
}  // namespace muster::edge::testing
