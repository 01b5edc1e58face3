#include <gmock/gmock.h>

#include "base/text.h"
#include "fixture.h"

namespace muster::cli {
namespace {

using testing::HasSubstr;

void expect_usage(std::vector<std::string> arguments, const std::string& text) {
    const auto ran = run_command(std::move(arguments));
    EXPECT_EQ(ran.code, 2);
    EXPECT_EQ(ran.out, "");
    EXPECT_THAT(ran.err, HasSubstr(text));
}

TEST(Usage, SuggestsTheNearestCommand) {
    expect_usage({"enrolment", "list"}, "there is no command 'enrolment'; did you mean 'enrollment'?");
    expect_usage({"enrollment", "lst"}, "muster enrollment: there is no command 'lst'; did you mean 'list'?");
    expect_usage({"xyzzyx"}, "there is no command 'xyzzyx'\n");
    expect_usage({"crl", "xyzzyx"}, "there is no command 'xyzzyx': set, list, delete\n");
    expect_usage({"help", "enrolment"}, "there is no command 'enrolment'; did you mean 'enrollment'?");
    expect_usage({"enrollment", "lst", "--help"}, "there is no command 'lst'; did you mean 'list'?");
}

TEST(Usage, SuggestsTheNearestOption) {
    expect_usage({"enrollment", "list", "--outptu", "json"}, "there is no option --outptu; did you mean '--output'?");
    expect_usage({"enrollment", "list", "--topp=3"}, "there is no option --topp; did you mean '--top'?");
}

TEST(Usage, NamesWhatIsMissing) {
    expect_usage({"enrollment"}, "a command is missing: create, show, list, update, delete");
    expect_usage({"enrollment", "show"}, "ID is required");
    expect_usage({"registration", "list"}, "--group is required");
    expect_usage({"enrollment", "create", "dev-1"}, "--certificate-path FILE is needed");
    expect_usage({"enrollment-group", "create", "g"}, "--ca-name NAME");
    expect_usage({"enrollment", "update", "dev-1"}, "nothing to change");
    expect_usage({"crl", "set", "g", "--path"}, "--path needs a value: FILE");
    expect_usage({"enrollment", "list", "-o"}, "--output needs a value: table|json");
    expect_usage({}, "Usage: muster");
}

TEST(Usage, ChecksValuesBeforeItConnects) {
    expect_usage({"enrollment", "show", "a b"}, "cannot be an id");
    expect_usage({"enrollment", "show", std::string(129, 'a')}, "at most 128 characters");
    expect_usage({"enrollment", "list", "--output", "yaml"}, "'yaml' is not one of table, json");
    expect_usage({"enrollment", "list", "--top", "0"}, "--top");
    expect_usage({"enrollment", "create", "d", "--cp", "x", "--tags", "nothing"}, "neither KEY=VALUE");
    expect_usage({"enrollment", "create", "d", "--cp", "x", "--props", "[1]"}, "not a JSON object");
    expect_usage({"enrollment", "create", "d", "--cp", "x", "--rp", "nevr"}, "did you mean 'never'?");
    expect_usage({"enrollment", "show", "d", "more"}, "'more' is one argument too many");
    expect_usage({"device", "create", "d", "--ptp", "12"}, "a thumbprint is");
    expect_usage({"device", "create", "d", "--am", "x509_thumbprint"}, "needs --certificate-path");
}

TEST(Usage, AnIdMayBeNamedLikeACommand) {
    const auto ran = run_command({"enrollment", "show", "delete", "--data-dir", "/nowhere"});
    EXPECT_EQ(ran.code, 1) << ran.err;
}

TEST(Usage, HelpIsOnStandardOutput) {
    const std::vector<std::vector<std::string>> commands = {{"--help"},
                                                            {"enrollment", "--help"},
                                                            {"enrollment", "create", "-h"},
                                                            {"status", "--help"},
                                                            {"trust", "--help"},
                                                            {"help"},
                                                            {"help", "enrollment", "list"}};
    for (const auto& command : commands) {
        const auto ran = run_command(command);
        EXPECT_EQ(ran.code, 0);
        EXPECT_EQ(ran.err, "");
        EXPECT_THAT(ran.out, HasSubstr("Usage: muster"));
        for (const auto line : split(ran.out, '\n')) EXPECT_LE(line.size(), 105u) << line;
    }
}

TEST(Usage, VersionIsOneLine) {
    const auto ran = run_command({"--version"});
    EXPECT_EQ(ran.code, 0);
    EXPECT_THAT(ran.out, testing::MatchesRegex("muster [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

}  // namespace
}  // namespace muster::cli
