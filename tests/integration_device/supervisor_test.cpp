#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "device.h"

namespace muster::edge {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class SupervisorTest : public Device {};

void call(const std::filesystem::path& socket) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ASSERT_LT(socket.native().size(), sizeof address.sun_path);
    socket.native().copy(address.sun_path, sizeof address.sun_path - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0) << socket;
    ::close(fd);
}

TEST_F(SupervisorTest, WaitsForAConfigurationThenRuns) {
    supervise();
    EXPECT_THAT(status(), HasSubstr("aziot-keyd              Down - inactive"));
    EXPECT_THAT(status(), HasSubstr("it waits for a configuration"));
    const auto applied = iotedge({"config", "apply"});
    EXPECT_EQ(applied.exit_code, 0) << applied.err;
    EXPECT_THAT(applied.out, HasSubstr("Done.\n"));
    EXPECT_TRUE(eventually([&] { return all_running(); })) << status();
    EXPECT_THAT(
        status(),
        StartsWith("System services:\n    aziot-identityd         Running\n    aziot-keyd              Running\n"
                   "    aziot-certd             Running\n"));
}

TEST_F(SupervisorTest, ASecondOneIsRefused) {
    supervise();
    const auto second = run("aziotd", {"run"});
    EXPECT_EQ(second.exit_code, 1);
    EXPECT_THAT(second.err, HasSubstr("supervised already"));
    EXPECT_THAT(second.err, HasSubstr(std::to_string(supervisor_)));
}

TEST_F(SupervisorTest, AServiceThatIsKilledComesBack) {
    ASSERT_EQ(iotedge({"config", "apply"}).exit_code, 0);
    supervise();
    ASSERT_TRUE(eventually([&] { return pid_of("aziot-certd") != 0; }));
    const pid_t before = pid_of("aziot-certd");
    kill(before, SIGKILL);
    EXPECT_TRUE(
        eventually([&] { return iotedge({"system", "logs"}).out.find("killed by signal 9") != std::string::npos; }));
    EXPECT_TRUE(eventually([&] { return pid_of("aziot-certd") != 0 && pid_of("aziot-certd") != before; }));
    EXPECT_TRUE(eventually([&] { return all_running(); })) << status();
}

TEST_F(SupervisorTest, TheServiceOfTheTpmStartsWhenItIsCalled) {
    ASSERT_EQ(iotedge({"config", "apply"}).exit_code, 0);
    supervise();
    ASSERT_TRUE(eventually([&] { return all_running(); })) << status();
    EXPECT_THAT(status(), HasSubstr("aziot-tpmd              Ready\n"));
    EXPECT_EQ(pid_of("aziot-tpmd"), 0);
    call(paths_.socket(Service::tpmd));
    EXPECT_TRUE(eventually([&] { return status().find("aziot-tpmd              Running") != std::string::npos; }))
        << status();
    const pid_t before = pid_of("aziot-tpmd");
    ASSERT_NE(before, 0);
    // Called once, it is wanted: it comes back as the others do.
    kill(before, SIGKILL);
    EXPECT_TRUE(eventually([&] { return pid_of("aziot-tpmd") != 0 && pid_of("aziot-tpmd") != before; })) << status();
}

TEST_F(SupervisorTest, ABrokenServiceIsShownWithItsLastLines) {
    ASSERT_EQ(iotedge({"config", "apply"}).exit_code, 0);
    ASSERT_TRUE(write_file_atomic(paths_.config_directory("certd") / "50-broken.toml", "homedir_path = 5 5\n", 0600));
    supervise();
    EXPECT_TRUE(eventually([&] { return status().find("aziot-certd             Down - failed") != std::string::npos; }))
        << status();
    EXPECT_THAT(status(), HasSubstr("aziot-certd is in a bad state because:\naziot-certd: Down - failed (exit code "
                                    "1)\nPrinting the last 10 log lines.\n"));
    EXPECT_THAT(status(), HasSubstr("50-broken.toml"));
}

TEST_F(SupervisorTest, SigtermEndsTheServicesToo) {
    ASSERT_EQ(iotedge({"config", "apply"}).exit_code, 0);
    supervise();
    ASSERT_TRUE(eventually([&] { return pid_of("aziot-identityd") != 0; }));
    EXPECT_EQ(stop_supervisor(SIGTERM), 0);
    for (const auto* service : {"aziot-keyd", "aziot-certd", "aziot-identityd"})
        EXPECT_EQ(pid_of(service), 0) << service;
    EXPECT_FALSE(std::filesystem::exists(paths_.supervisor_socket()));
    EXPECT_FALSE(std::filesystem::exists(paths_.socket(Service::keyd)));
    supervise();
    EXPECT_TRUE(eventually([&] { return all_running(); })) << status();
}

TEST_F(SupervisorTest, KilledItTakesTheServicesAlongAndTheNextOneTakesOver) {
    ASSERT_EQ(iotedge({"config", "apply"}).exit_code, 0);
    supervise();
    ASSERT_TRUE(eventually([&] { return pid_of("aziot-keyd") != 0; }));
    stop_supervisor(SIGKILL);
    EXPECT_TRUE(eventually([&] { return pid_of("aziot-keyd") == 0 && pid_of("aziot-certd") == 0; }));
    supervise();
    EXPECT_TRUE(eventually([&] { return all_running(); })) << status();
}

TEST_F(SupervisorTest, StopAndRestart) {
    ASSERT_EQ(iotedge({"config", "apply"}).exit_code, 0);
    supervise();
    ASSERT_TRUE(eventually([&] { return all_running(); }));
    const pid_t before = pid_of("aziot-keyd");
    EXPECT_EQ(iotedge({"system", "stop"}).exit_code, 0);
    EXPECT_EQ(pid_of("aziot-keyd"), 0);
    EXPECT_THAT(status(), HasSubstr("aziot-keyd              Down - inactive"));
    EXPECT_EQ(iotedge({"system", "restart"}).exit_code, 0);
    EXPECT_TRUE(eventually([&] { return all_running(); }));
    EXPECT_NE(pid_of("aziot-keyd"), before);
}

TEST_F(SupervisorTest, LogsTakeJournalctlsCommonOptions) {
    ASSERT_EQ(iotedge({"config", "apply"}).exit_code, 0);
    supervise();
    ASSERT_TRUE(eventually([&] { return all_running(); }));
    EXPECT_TRUE(eventually([&] { return iotedge({"system", "logs"}).out.find("aziot-keyd: ") != std::string::npos; }));
    const auto two = iotedge({"system", "logs", "--", "-n", "2"});
    EXPECT_EQ(std::ranges::count(two.out, '\n'), 2);
    EXPECT_EQ(iotedge({"system", "logs", "--lines=1"}).exit_code, 0);
    EXPECT_THAT(iotedge({"system", "logs", "--since", "2001-01-01T00:00:00Z"}).out, HasSubstr("aziot-keyd: "));
    EXPECT_EQ(iotedge({"system", "logs", "--since", "2099-01-01T00:00:00Z"}).out, "");
    const auto refused = iotedge({"system", "logs", "--", "--grep", "x"});
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_THAT(refused.err, HasSubstr("--grep"));
    EXPECT_THAT(two.out, Not(ContainsRegex("<[0-7]>")));
    EXPECT_TRUE(std::filesystem::exists(paths_.under("/var/log/aziot/aziot-keyd.log")));
}

TEST_F(SupervisorTest, FollowPrintsWhatComes) {
    ASSERT_EQ(iotedge({"config", "apply"}).exit_code, 0);
    supervise();
    ASSERT_TRUE(eventually([&] { return all_running(); }));
    // A copy of the program's name for a second output file would race with status(); so follow runs alone.
    const pid_t follower = start("iotedge", {"system", "logs", "-f"});
    kill(pid_of("aziot-certd"), SIGHUP);
    EXPECT_TRUE(
        eventually([&] { return read_file(root_ / "iotedge.out")->find("settings changed") != std::string::npos; }));
    kill(follower, SIGKILL);
    int status = 0;
    waitpid(follower, &status, 0);
}

TEST_F(SupervisorTest, TheLogLevelIsKept) {
    ASSERT_EQ(iotedge({"config", "apply"}).exit_code, 0);
    supervise();
    ASSERT_TRUE(eventually([&] { return all_running(); }));
    EXPECT_EQ(iotedge({"system", "set-log-level", "error"}).exit_code, 0);
    ASSERT_TRUE(eventually([&] { return all_running(); }));
    const auto level_of = [&](pid_t pid) {
        const auto text = read_file("/proc/" + std::to_string(pid) + "/environ");
        return text && text->find(std::string("AZIOT_LOG=error") + '\0') != std::string::npos;
    };
    EXPECT_TRUE(eventually([&] { return level_of(pid_of("aziot-keyd")); }));
    stop_supervisor(SIGTERM);
    supervise();
    EXPECT_TRUE(eventually([&] { return level_of(pid_of("aziot-keyd")); }));
}

TEST_F(SupervisorTest, ReprovisionTellsWhyItCannot) {
    ASSERT_EQ(iotedge({"config", "apply"}).exit_code, 0);
    supervise();
    ASSERT_TRUE(eventually([&] { return all_running(); }));
    const auto ran = iotedge({"system", "reprovision"});
    EXPECT_EQ(ran.exit_code, 1);
    EXPECT_THAT(ran.err, HasSubstr("127.0.0.1:9"));
}

TEST_F(SupervisorTest, ALongRootIsRefusedWithTheReason) {
    Paths long_root(root_ / std::string(100, 'x'));
    std::filesystem::create_directories(long_root.root());
    const auto kept = std::exchange(root_, long_root.root());
    const auto ran = run("aziotd", {"run"});
    root_ = kept;
    EXPECT_EQ(ran.exit_code, 1);
    EXPECT_THAT(ran.err, HasSubstr("too long"));
    EXPECT_THAT(ran.err, HasSubstr("MUSTER_DEVICE_ROOT"));
}

}  // namespace
}  // namespace muster::edge
