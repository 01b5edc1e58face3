#include "edge/identityd/callers.h"

#include <gtest/gtest.h>

#include "edge/service/settings.h"

namespace muster::edge::identityd {
namespace {

Result<Callers> callers(std::string_view toml) {
    return Callers::from_settings(parse_toml(toml, "test").value());
}

TEST(Callers, ADaemonMayDoEverything) {
    const auto all = callers("[[principal]]\nuid = 5\nname = \"aziot-edge\"\n").value();
    for (const uid_t uid : {0U, 5U}) {
        EXPECT_TRUE(all.check_daemon(uid, "x"));
        EXPECT_TRUE(all.check_device(uid));
        EXPECT_TRUE(all.check_module(uid, "m"));
    }
    EXPECT_EQ(all.check_daemon(6, "x").error().code(), Errc::forbidden);
    EXPECT_FALSE(all.check_device(6));
    EXPECT_FALSE(all.known(6));
    EXPECT_TRUE(all.module_names().empty());
}

TEST(Callers, AHostProcessHasWhatItsTypesSay) {
    const auto all = callers(
                         "[[principal]]\nuid = 5\nname = \"m\"\nidtype = [\"module\"]\n"
                         "[[principal]]\nuid = 6\nname = \"d\"\nidtype = [\"device\"]\n")
                         .value();
    EXPECT_TRUE(all.check_module(5, "m"));
    EXPECT_FALSE(all.check_module(5, "other"));
    EXPECT_FALSE(all.check_device(5));
    EXPECT_TRUE(all.check_device(6));
    EXPECT_FALSE(all.check_daemon(5, "x"));
    EXPECT_EQ(all.host_process(5)->name, "m");
    EXPECT_FALSE(all.host_process(0));
    EXPECT_EQ(all.module_names(), std::vector<std::string>{"m"});
}

TEST(Callers, ALocalIdentityIsItsPrincipalsAlone) {
    const auto all = callers(
                         "[[principal]]\nuid = 5\nname = \"a\"\nidtype = [\"local\"]\n"
                         "[[principal]]\nuid = 6\nname = \"b\"\nidtype = [\"module\", \"local\"]\n"
                         "localid = { type = \"x509\", attributes = \"server\" }\n")
                         .value();
    EXPECT_TRUE(all.check_local(0, "a"));
    EXPECT_TRUE(all.check_local(5, "a"));
    EXPECT_FALSE(all.check_local(5, "b"));
    EXPECT_FALSE(all.check_device(5));
    EXPECT_EQ(all.local_options("a"), LocalOptions{});
    EXPECT_EQ(all.local_options("b"), LocalOptions{true});
    EXPECT_EQ(all.local_options("c"), std::nullopt);
    EXPECT_EQ(all.module_names(), std::vector<std::string>{"b"});
}

TEST(Callers, MistakesAreNamed) {
    EXPECT_FALSE(callers("[[principal]]\nuid = 5\n"));
    EXPECT_FALSE(callers("[[principal]]\nname = \"x\"\n"));
    EXPECT_FALSE(callers("[[principal]]\nuid = 5\nname = \"x\"\nidtype = [\"nonsense\"]\n"));
    EXPECT_FALSE(callers("[[principal]]\nuid = 5\nname = \"x\"\nidtype = [\"local\"]\nlocalid = { type = \"sas\" }\n"));
    EXPECT_FALSE(callers("[[principal]]\nuid = 5\nname = \"a\"\n[[principal]]\nuid = 5\nname = \"b\"\n"));
}

}  // namespace
}  // namespace muster::edge::identityd
