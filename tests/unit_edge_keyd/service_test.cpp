// What the daemons share: settings, principals, wildcards, the log's syslog lines, reload.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "device.h"
#include "edge/service/principals.h"
#include "edge/service/settings.h"
#include "net/http_client.h"

namespace muster::edge {
namespace {

using testing::Device;

TEST(Settings, TablesMergeListsJoinScalarsAreReplaced) {
    Device device;
    const auto file = device.write("c.toml", "a = 1\nlist = [1]\n[t]\nx = 1\ny = 1\n[[principal]]\nuid = 1\n");
    device.write("c.d/20-b.toml", "[t]\ny = 3\n[[principal]]\nuid = 3\n");
    device.write("c.d/10-a.toml", "a = 2\nlist = [2]\n[t]\ny = 2\n[[principal]]\nuid = 2\n");
    device.write("c.d/notes.txt", "not read");
    const auto merged = load_settings({file, device.paths().root() / "c.d"}).value();
    EXPECT_EQ(json::serialize(merged),
              R"({"a":2,"list":[1,2],"principal":[{"uid":1},{"uid":2},{"uid":3}],"t":{"x":1,"y":3}})");
}

TEST(Settings, NoFileAndABrokenFileAreSaid) {
    Device device;
    EXPECT_EQ(load_settings({"/nowhere/c.toml", "/nowhere/c.d"}).error().code(), Errc::not_found);
    device.write("c.d/10-a.toml", "a = 1\nb = \n");
    const auto broken = load_settings({"/nowhere/c.toml", device.paths().root() / "c.d"});
    EXPECT_NE(broken.error().message().find("10-a.toml:2:"), std::string::npos) << broken.error().message();
}

TEST(Settings, AFileOfStateComesBackAsItWas) {
    const json::object state{
        {"hub_name", "h\"u\\b\n"}, {"list", json::array{json::object{{"name", "x"}}}}, {"flag", true}};
    EXPECT_EQ(parse_toml(to_toml(state), "state").value(), state);
}

TEST(Settings, FileUris) {
    EXPECT_EQ(file_uri_path("file:///a%20b/c", "k").value(), "/a b/c");
    for (const auto* uri : {"file://host/a", "pkcs11:token=t", "https://x", "/plain", "file:///%zz", "file:///%00"})
        EXPECT_FALSE(file_uri_path(uri, "k")) << uri;
}

TEST(Wildcards, StarAndQuestionMark) {
    EXPECT_TRUE(matches_wildcard("est-id*", "est-id"));
    EXPECT_TRUE(matches_wildcard("est-id*", "est-id-device"));
    EXPECT_TRUE(matches_wildcard("*", ""));
    EXPECT_TRUE(matches_wildcard("a?c", "abc"));
    EXPECT_TRUE(matches_wildcard("aziot-edged/module/*", "aziot-edged/module/m:1:server"));
    EXPECT_TRUE(matches_wildcard("*a*b", "xxaxxbxab"));
    EXPECT_FALSE(matches_wildcard("a?c", "ac"));
    EXPECT_FALSE(matches_wildcard("est-id", "est-id-x"));
    EXPECT_FALSE(matches_wildcard("*a*b", "xxaxxbxa"));
    EXPECT_FALSE(matches_wildcard("", "a"));
    EXPECT_FALSE(matches_wildcard(std::string(40, '*') + "b", std::string(400, 'a')));
}

TEST(Principals, GrantByUidAndPattern) {
    const auto settings =
        parse_toml("[[principal]]\nuid = 5\nkeys = [\"a\", \"b*\"]\n[[principal]]\nuid = 5\nkeys = [\"c\"]\n", "t")
            .value();
    const auto principals = Principals::from_settings(settings, "keys").value();
    EXPECT_TRUE(principals.allows(0, "anything"));
    EXPECT_TRUE(principals.allows(5, "b1"));
    EXPECT_TRUE(principals.allows(5, "c"));
    EXPECT_FALSE(principals.allows(5, "d"));
    EXPECT_FALSE(principals.allows(6, "a"));
    EXPECT_FALSE(Principals::from_settings(parse_toml("[[principal]]\nkeys = []\n", "t").value(), "keys"));
    EXPECT_FALSE(Principals::from_settings(parse_toml("principal = 1\n", "t").value(), "keys"));
}

// The status that user 12345 gets for a key.
std::string as_nobody(const Device& device) {
    const auto command = fmt::format(
        "setpriv --reuid=12345 --clear-groups curl -s -o /dev/null -w '%{{http_code}}' --unix-socket {} "
        "'http://keyd/key/k?api-version=2020-09-01'",
        device.paths().socket(Service::keyd).string());
    std::array<char, 16> text{};
    FILE* pipe = ::popen(command.c_str(), "r");
    const auto got = std::fread(text.data(), 1, text.size() - 1, pipe);
    ::pclose(pipe);
    return {text.data(), got};
}

TEST(Reload, PrincipalsChangeWithTheirFileWithoutARestart) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to be another user";
    Device device;
    device.write_settings(Service::keyd, "");
    device.start(Service::keyd);
    std::filesystem::permissions(device.paths().root(), std::filesystem::perms::all);
    std::filesystem::permissions(device.paths().socket(Service::keyd), std::filesystem::perms::all);
    for (const auto* part : {"run", "run/aziot"})
        std::filesystem::permissions(device.paths().root() / part, std::filesystem::perms::all);
    device.call(Service::keyd, "POST", "/key?api-version=2020-09-01", {{"keyId", "k"}, {"usage", "encrypt"}});
    EXPECT_EQ(as_nobody(device), "401");
    device.write("etc/aziot/keyd/config.d/myapp.toml", "[[principal]]\nuid = 12345\nkeys = [\"k\"]\n");
    std::string status;
    for (int tries = 0; tries < 300 && status != "200"; ++tries) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        status = as_nobody(device);
    }
    EXPECT_EQ(status, "200");
    device.write("etc/aziot/keyd/config.d/myapp.toml", "broken = \n");
    std::this_thread::sleep_for(std::chrono::milliseconds(900));
    EXPECT_EQ(as_nobody(device), "200") << "a broken file must not take rights away, nor give any";
    device.stop(Service::keyd, SIGTERM);
}

// As systemd does it: the socket is made first and handed over as descriptor 3.
TEST(SocketActivation, TheInheritedSocketIsServed) {
    Device device;
    device.write_settings(Service::keyd, "");
    const auto path = device.paths().root() / "activated.sock";
    const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener, 8), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(listener, 3);
        ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
        ::setenv("LISTEN_FDS", "1", 1);
        ::setenv("AZIOT_LOG", "error", 1);
        ::setenv("MUSTER_DEVICE_ROOT", device.paths().root().c_str(), 1);
        ::execl("/proc/self/exe", "aziot-keyd", nullptr);
        ::_exit(127);
    }
    ::close(listener);
    const auto client = net::HttpClient::create("unix://" + path.string()).value();
    net::HttpRequest request{"GET", "/key/k?api-version=2020-09-01", {}, {}};
    const auto response = client->send_blocking(std::move(request));
    EXPECT_EQ(response ? response->status : 0, 400);
    EXPECT_FALSE(std::filesystem::exists(device.paths().socket(Service::keyd)));
    ::kill(child, SIGTERM);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(Log, LinesAreWhatJournaldTakes) {
    Device device;
    device.write_settings(Service::keyd, "unheard = 1\n");
    device.start(Service::keyd);
    device.stop(Service::keyd, SIGTERM);
    const auto log = device.log(Service::keyd);
    EXPECT_TRUE(log.starts_with("<6>")) << log;
    EXPECT_NE(log.find(" [INFO] - "), std::string::npos) << log;
    EXPECT_NE(log.find("unheard"), std::string::npos) << log;
}

}  // namespace
}  // namespace muster::edge
