#include "device.h"

#include "base/file.h"

namespace muster::edge {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class CommandLine : public Device {};

TEST_F(CommandLine, ApplyWithoutServicesSaysHowToStartThem) {
    const auto ran = iotedge({"config", "apply"});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("\nAzure IoT Edge has been configured successfully!\n"));
    EXPECT_THAT(ran.out, HasSubstr("aziotd run\n"));
    EXPECT_THAT(ran.out, HasSubstr("note: the container runtime (aziot-edged) is not in this version"));
    EXPECT_TRUE(std::filesystem::exists(paths_.generated_config("identityd")));
}

TEST_F(CommandLine, CheckOnlyWritesNothing) {
    const auto ran = iotedge({"config", "apply", "--check"});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("is good"));
    EXPECT_FALSE(std::filesystem::exists(paths_.under("/etc/aziot/keyd")));
}

TEST_F(CommandLine, ProblemsAreAllPrintedWithWhatMendsThem) {
    write_config("registration = \"x\"\n[edge_caa]\n");
    std::filesystem::remove(root_ / "key.pem");
    const auto ran = iotedge({"config", "apply"});
    EXPECT_EQ(ran.exit_code, 1);
    EXPECT_THAT(ran.err, HasSubstr("config.toml:12: provisioning.attestation.identity_pk: " + root_.string() +
                                   "/key.pem does not exist\n    to mend it: install -D"));
    EXPECT_THAT(
        ran.err,
        HasSubstr(
            "config.toml:13: provisioning.attestation.registration: unknown key (did you mean \"registration_id\"?)"));
    EXPECT_THAT(ran.err, HasSubstr("config.toml:14: edge_caa: unknown key (did you mean \"edge_ca\"?)"));
    EXPECT_THAT(ran.err, HasSubstr("3 problems"));
    EXPECT_FALSE(std::filesystem::exists(paths_.generated_config("keyd")));
}

TEST_F(CommandLine, AnotherFileMayBeGiven) {
    std::filesystem::rename(paths_.super_config(), root_ / "mine.toml");
    const auto missing = iotedge({"config", "apply"});
    EXPECT_EQ(missing.exit_code, 1);
    EXPECT_THAT(missing.err, HasSubstr("config.toml.edge.template"));
    EXPECT_EQ(iotedge({"config", "apply", "-c", (root_ / "mine.toml").string()}).exit_code, 0);
    EXPECT_EQ(iotedge({"config", "apply", "--config-file", (root_ / "mine.toml").string(), "--check"}).exit_code, 0);
}

TEST_F(CommandLine, WrongUsageIsTwo) {
    for (const auto& words : std::vector<std::vector<std::string>>{{},
                                                                   {"confg"},
                                                                   {"config"},
                                                                   {"config", "aply"},
                                                                   {"system"},
                                                                   {"config", "apply", "--frce"},
                                                                   {"system", "set-log-level", "loud"},
                                                                   {"config", "mp"},
                                                                   {"check", "--output", "xml"},
                                                                   {"support-bundle", "--since"},
                                                                   {"--nonsense"}})
        EXPECT_EQ(iotedge(words).exit_code, 2) << ::testing::PrintToString(words);
    EXPECT_THAT(iotedge({"confg"}).err, HasSubstr("did you mean \"config\"?"));
    EXPECT_EQ(run("aziotd", {}).exit_code, 2);
    EXPECT_EQ(run("aziotd", {"walk"}).exit_code, 2);
}

TEST_F(CommandLine, VersionAndHelp) {
    EXPECT_THAT(iotedge({"version"}).out, StartsWith("iotedge "));
    EXPECT_EQ(iotedge({"version"}).out, iotedge({"--version"}).out);
    EXPECT_THAT(run("aziotd", {"--version"}).out, StartsWith("aziotd "));
    EXPECT_THAT(run("aziotctl", {"--version"}).out, StartsWith("aziotctl "));
    EXPECT_THAT(run("aziotctl", {"confg"}).err, HasSubstr("aziotctl: there is no command"));
    EXPECT_EQ(iotedge({"--help"}).exit_code, 0);
    EXPECT_EQ(iotedge({"config", "apply", "--help"}).exit_code, 0);
}

TEST_F(CommandLine, WhatComesLaterSaysSo) {
    for (const auto& words :
         std::vector<std::vector<std::string>>{{"list"}, {"logs", "edgeAgent"}, {"restart", "edgeHub"}}) {
        const auto ran = iotedge(words);
        EXPECT_EQ(ran.exit_code, 1) << ::testing::PrintToString(words);
        EXPECT_THAT(ran.err, HasSubstr("is not in this version"));
    }
}

TEST_F(CommandLine, SystemCommandsWithoutServices) {
    for (const auto* command : {"status", "logs", "restart", "stop", "reprovision"}) {
        const auto ran = iotedge({"system", command});
        EXPECT_EQ(ran.exit_code, 1) << command;
        EXPECT_NE(ran.err, "") << command;
    }
    EXPECT_THAT(iotedge({"system", "status"}).err, HasSubstr("to mend it: aziotd run"));
}

}  // namespace
}  // namespace muster::edge
