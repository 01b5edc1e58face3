// `iotedge config apply` killed at random moments: the service files are the old set or the new set, never a mixture.
#include <signal.h>
#include <sys/wait.h>

#include <random>
#include <thread>

#include "base/file.h"
#include "device.h"

namespace muster::edge {
namespace {

const char* const services[] = {"keyd", "certd", "identityd", "tpmd", "edged"};

class ApplyCrash : public Device {
protected:
    // Each of the five files names its number.
    static std::string numbered(int n) {
        return fmt::format(
            "[aziot_max_requests]\nkeyd = {0}\ncertd = {0}\ntpmd = {0}\nidentityd = {0}\n[watchdog]\nmax_retries = "
            "{0}\n",
            n);
    }
    int number_in(const char* service) const {
        const auto text = read_file(paths_.generated_config(service));
        if (!text) return -1;
        for (const std::string_view key : {"max_requests = ", "max_retries = "})
            if (const auto at = text->find(key); at != std::string::npos)
                return std::atoi(text->c_str() + at + key.size());
        return -1;
    }
};

// Waits until the writing has begun, which a random moment seldom meets.
void wait_for_file(const std::filesystem::path& file, std::chrono::microseconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!std::filesystem::exists(file) && std::chrono::steady_clock::now() < end) std::this_thread::yield();
}

constexpr int rounds = 60;
constexpr int most_rounds = 300;  // until enough of them have come in time

TEST_F(ApplyCrash, SixtyRandomKills) {
    write_config(numbered(1000));
    const auto began = std::chrono::steady_clock::now();
    ASSERT_EQ(iotedge({"config", "apply"}).exit_code, 0);
    const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
    std::mt19937 engine(20261124);
    std::uniform_int_distribution<std::int64_t> anywhere(0, 2 * whole.count());
    std::uniform_int_distribution<std::int64_t> a_moment(0, 1000);
    int killed = 0, old_sets = 0, new_sets = 0, finished = 0;
    int current = 1000;
    const auto proved = [&] { return killed >= rounds / 3 && old_sets > 0 && new_sets > 0; };
    for (int round = 1001; round <= 1000 + rounds || (!proved() && round <= 1000 + most_rounds); ++round) {
        write_config(numbered(round));
        const pid_t child = start("iotedge", {"config", "apply"});
        switch (round % 3) {
            case 0: wait_for_file(paths_.config_directory("keyd") / ".00-super.toml.apply-staged", 5 * whole); break;
            case 1: wait_for_file(paths_.under("/etc/aziot/.apply-journal"), 5 * whole); break;
            default: std::this_thread::sleep_for(std::chrono::microseconds(anywhere(engine)));
        }
        std::this_thread::sleep_for(std::chrono::microseconds(a_moment(engine)));
        kill(child, SIGKILL);
        int status = 0;
        waitpid(child, &status, 0);
        if (WIFSIGNALED(status)) ++killed;
        if (std::filesystem::exists(paths_.under("/etc/aziot/.apply-journal"))) ++finished;
        // As every start of the services does first.
        ASSERT_EQ(run("aziotd", {"finish-apply"}).exit_code, 0);
        const int found = number_in("keyd");
        for (const auto* service : services) EXPECT_EQ(number_in(service), found) << service << " in round " << round;
        EXPECT_TRUE(found == current || found == round) << found;
        (found == round ? new_sets : old_sets) += 1;
        current = found;
        EXPECT_FALSE(std::filesystem::exists(paths_.under("/etc/aziot/.apply-journal")));
    }
    fmt::print("{} killed in time; {} kept the old set, {} have the new one, {} of them finished afterwards\n", killed,
               old_sets, new_sets, finished);
    EXPECT_GE(killed, rounds / 3);
    EXPECT_GE(old_sets, 1);
    EXPECT_GE(new_sets, 1);
}

}  // namespace
}  // namespace muster::edge
