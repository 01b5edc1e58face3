// kill -9 of identityd at random instants: what is on disk is always a whole identity, the last or the one before.
#include <random>

#include "edge/identityd/state.h"
#include "identity_fixture.h"

namespace muster::edge::testing {
namespace {

constexpr int rounds = 40;
constexpr int most_rounds = 200;  // until enough kills have come late enough

// The instants to kill at follow the machine: a sanitizer's daemon takes ten times as long.
template <class Work>
std::chrono::microseconds time_of(Work work) {
    const auto begun = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun);
}

std::chrono::microseconds random_part_of(std::chrono::microseconds whole, std::mt19937& random) {
    return std::chrono::microseconds(static_cast<std::int64_t>(random()) % std::max<std::int64_t>(whole.count(), 1));
}

// Registrations that answer at once and never the same, so that device_info is written all the time.
class Storm : public IdentityTest {
protected:
    std::vector<net::HttpResponse> answers(int from) const {
        std::vector<net::HttpResponse> all;
        for (int i = from; i < from + 200; ++i) {
            json::object state{{"assignedHub", cloud.address()}, {"deviceId", fmt::format("dev-{}", i)}};
            all.push_back(
                json_answer(200, json::object{{"status", "assigned"}, {"registrationState", std::move(state)}}));
        }
        return all;
    }
};

TEST_F(Storm, TheStateIsWholeAfterEveryKill) {
    write_credentials("dev");
    write_identity_settings();
    cloud.script_register(answers(0));
    start_all();
    ASSERT_FALSE(wait_for_identity().empty()) << log();
    const auto once = time_of([&] { identityd("POST", "/identities/device/reprovision", {{"type", "aziot"}}); });
    std::mt19937 random(20261124);
    const auto home = device.paths().state_directory(Service::identityd);
    int changes = 0;
    std::string last;
    for (int round = 0; round < rounds || (changes <= rounds / 8 && round < most_rounds); ++round) {
        cloud.script_register(answers(1000 * (round + 1)));
        std::thread caller([&] {
            while (identityd("POST", "/identities/device/reprovision", {{"type", "aziot"}}).status == 204) {
            }
        });
        std::this_thread::sleep_for(random_part_of(once * 8, random));
        device.stop(Service::identityd, SIGKILL);
        caller.join();
        const auto state = identityd::State::open(home);
        ASSERT_TRUE(state);
        const auto found = state->load_identity();
        ASSERT_TRUE(found) << "round " << round << ": " << read_file(device_info()).value_or("no file");
        EXPECT_TRUE(found->device_id.starts_with("dev-"));
        changes += found->device_id != last ? 1 : 0;
        last = found->device_id;
        device.start(Service::identityd);
        EXPECT_EQ(wait_for_identity(), last) << "round " << round;
        for (const auto& entry : std::filesystem::directory_iterator(home))
            EXPECT_FALSE(entry.path().filename().string().ends_with(".tmp")) << entry.path();
    }
    EXPECT_GT(changes, rounds / 8) << "the kills came too early to prove anything";
}

// Without an identity at first: either none yet or a whole one.
TEST_F(Storm, AFirstRegistrationIsThereOrNot) {
    write_credentials("dev");
    write_identity_settings();
    device.start(Service::keyd);
    device.start(Service::certd);
    cloud.script_register(answers(0));
    const auto once = time_of([&] {
        device.start(Service::identityd);
        wait_for_identity();
    });
    device.stop(Service::identityd, SIGKILL);
    std::mt19937 random(7);
    const auto home = device.paths().state_directory(Service::identityd);
    int made = 0;
    for (int round = 0; round < rounds / 2 || (made == 0 && round < most_rounds); ++round) {
        std::filesystem::remove_all(home);
        cloud.script_register(answers(1000 * (round + 1)));
        device.start(Service::identityd);
        std::this_thread::sleep_for(random_part_of(once * 2, random));
        device.stop(Service::identityd, SIGKILL);
        if (!std::filesystem::exists(device_info())) continue;
        ++made;
        EXPECT_TRUE(identityd::State::open(home)->load_identity()) << read_file(device_info()).value_or("");
    }
    EXPECT_GT(made, 0);
}

}  // namespace
}  // namespace muster::edge::testing
