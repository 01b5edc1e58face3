#include "muster/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.h"

namespace muster::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

Io io_with(std::map<std::string, std::string> environment) {
    Io io;
    io.environment = [environment = std::move(environment)](const char* name) -> std::optional<std::string> {
        const auto at = environment.find(name);
        return at == environment.end() ? std::nullopt : std::optional(at->second);
    };
    return io;
}

constexpr const char* remote = "HostName=muster.example:8443;SharedAccessKeyName=owner;SharedAccessKey=c2VjcmV0";

TEST(FindTarget, TakesAConnectionStringApart) {
    const auto target = find_target({.connection_string = remote}, io_with({}));
    ASSERT_TRUE(target) << target.error().chain();
    EXPECT_EQ(target->base_url, "https://muster.example:8443");
    EXPECT_EQ(target->host, "muster.example");
    EXPECT_EQ(target->policy, "owner");
    EXPECT_EQ(target->key.text(), "secret");
    EXPECT_EQ(target->connect_to, "");
}

TEST(FindTarget, LeavesOutTheUsualPort) {
    const auto target = find_target(
        {.connection_string = "HostName=h.example;SharedAccessKeyName=p;SharedAccessKey=eA=="}, io_with({}));
    ASSERT_TRUE(target);
    EXPECT_EQ(target->base_url, "https://h.example");
}

TEST(FindTarget, TakesTheEnvironmentWhenNothingElseIsGiven) {
    const auto target = find_target({}, io_with({{"MUSTER_CONNECTION_STRING", remote}}));
    ASSERT_TRUE(target);
    EXPECT_EQ(target->host, "muster.example");
}

TEST(FindTarget, NeverShowsTheKeyOfABrokenString) {
    for (const auto* broken : {"SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0", "HostName=h;SharedAccessKey=c2VjcmV0",
                               "HostName=h;SharedAccessKeyName=p;SharedAccessKey=not-base64!", "nonsense"}) {
        const auto target = find_target({.connection_string = broken}, io_with({}));
        ASSERT_FALSE(target) << broken;
        EXPECT_THAT(target.error().chain(), Not(HasSubstr("c2VjcmV0")));
        EXPECT_THAT(target.error().chain(), Not(HasSubstr("not-base64!")));
        EXPECT_THAT(target.error().hint(), HasSubstr("muster connection-string"));
    }
}

// But for its CA.
void write_what_musterd_writes(const TemporaryDirectory& directory) {
    directory.write("access-policies.json",
                    R"({"policies":[{"keyName":"owner","primaryKey":"c2VjcmV0","secondaryKey":"eA==","rights":[]}]})");
    directory.write("endpoints.json",
                    R"({"pid":1,"hostName":"muster.plant","idScope":"0ne00000001","https":"127.0.0.1:8443"})");
}

TEST(FindTarget, ReadsADataDirectory) {
    const TemporaryDirectory directory;
    write_what_musterd_writes(directory);
    directory.write("server-ca.cert.pem", "the CA");
    const auto target = find_target({.data_dir = directory.path()}, io_with({{"MUSTER_CONNECTION_STRING", remote}}));
    ASSERT_TRUE(target) << target.error().chain();
    EXPECT_EQ(target->base_url, "https://muster.plant:8443");
    EXPECT_EQ(target->connect_to, "127.0.0.1:8443");
    EXPECT_EQ(target->host, "muster.plant");
    EXPECT_THAT(target->ca_pem, testing::ElementsAre("the CA"));
    EXPECT_TRUE(target->trust_system_store);
}

TEST(FindTarget, AGivenCaIsTheOnlyOneTrusted) {
    const TemporaryDirectory directory;
    const auto& mine = TestCertificates::get().ca_pem;
    const auto ca = directory.write("ca.pem", mine);
    for (const bool by_option : {true, false}) {
        ConnectionOptions options{.connection_string = remote};
        if (by_option) options.ca_file = ca;
        const auto target = find_target(options, by_option ? io_with({}) : io_with({{"MUSTER_CA", ca}}));
        ASSERT_TRUE(target);
        EXPECT_THAT(target->ca_pem, testing::ElementsAre(mine));
        EXPECT_FALSE(target->trust_system_store);
    }
    const auto missing = find_target({.connection_string = remote, .ca_file = "/nowhere/ca.pem"}, io_with({}));
    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error().chain(), HasSubstr("/nowhere/ca.pem"));
    const auto junk =
        find_target({.connection_string = remote}, io_with({{"MUSTER_CA", directory.write("junk", "x")}}));
    ASSERT_FALSE(junk);
    EXPECT_THAT(junk.error().message(), HasSubstr("junk (MUSTER_CA) holds no certificate"));
}

TEST(FindTarget, ADataDirectoryThatIsGivenHasItsOwnCa) {
    const TemporaryDirectory directory;
    write_what_musterd_writes(directory);
    const auto& other = TestCertificates::get().ca_pem;
    const auto io = io_with({{"MUSTER_CA", directory.write("other.pem", other)}});
    // One that was given its certificate has no CA of its own.
    EXPECT_THAT(find_target({.data_dir = directory.path()}, io)->ca_pem, testing::ElementsAre(other));
    directory.write("server-ca.cert.pem", "its own");
    EXPECT_THAT(find_target({.data_dir = directory.path()}, io)->ca_pem, testing::ElementsAre("its own"));
    EXPECT_THAT(find_target({.data_dir = directory.path(), .ca_file = directory.path() / "other.pem"}, io)->ca_pem,
                testing::ElementsAre(other));
}

TEST(FindTarget, SaysThatMusterdIsNotRunning) {
    const TemporaryDirectory directory;
    directory.write("access-policies.json", R"({"policies":[]})");
    const auto target = find_target({.data_dir = directory.path()}, io_with({}));
    ASSERT_FALSE(target);
    EXPECT_EQ(target.error().code(), Errc::unavailable);
    EXPECT_THAT(target.error().message(), HasSubstr("musterd is not running"));
    EXPECT_THAT(target.error().hint(), HasSubstr("musterd --data-dir"));
}

TEST(FindTarget, SaysWhatADirectoryIsNot) {
    const auto target = find_target({.data_dir = "/nowhere"}, io_with({}));
    ASSERT_FALSE(target);
    EXPECT_THAT(target.error().message(), HasSubstr("/nowhere is not the data directory"));
    EXPECT_THAT(target.error().hint(), HasSubstr("--data-dir"));
}

TEST(FindTarget, NamesTheBrokenFile) {
    const TemporaryDirectory directory;
    for (const auto* text : {"", "[]", "{}", R"({"policies":[1]})", R"({"policies":[{"keyName":"owner"}]})"}) {
        directory.write("access-policies.json", text);
        const auto target = find_target({.data_dir = directory.path()}, io_with({}));
        ASSERT_FALSE(target) << text;
        EXPECT_THAT(target.error().chain(), HasSubstr("access-policies.json")) << text;
    }
}

TEST(PublicHost, NamesThePortOnlyWhenItIsUnusual) {
    EXPECT_EQ(public_host({.host_name = "h", .https = "127.0.0.1:443"}), "h");
    EXPECT_EQ(public_host({.host_name = "h", .https = "[::1]:8443"}), "h:8443");
}

}  // namespace
}  // namespace muster::cli
