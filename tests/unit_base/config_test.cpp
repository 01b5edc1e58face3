#include "base/config.h"

#include <gmock/gmock.h>

namespace muster {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Config parsed(std::string_view text) {
    auto config = Config::parse(text, "c.toml");
    EXPECT_TRUE(config) << config.error().chain();
    return std::move(*config);
}

std::vector<std::string> texts(const Config& config) {
    std::vector<std::string> out;
    for (const auto& problem : config.problems()) out.push_back(problem.text());
    return out;
}

TEST(Config, ReadsTypedValues) {
    auto config = parsed(
        "name = \"a\"\nport = 443\non = true\nlist = [\"x\", \"y\"]\n[t]\nk = 1\n[[p]]\nuid = 5\n[[p]]\nuid = 6\n");
    const auto root = config.root();
    EXPECT_EQ(root.string("name"), "a");
    EXPECT_EQ(root.integer("port", 0, 65535), 443);
    EXPECT_EQ(root.boolean("on"), true);
    EXPECT_THAT(*root.strings("list"), ElementsAre("x", "y"));
    EXPECT_EQ(root.table("t")->integer("k", 0, 9), 1);
    const auto tables = root.tables("p");
    ASSERT_EQ(tables.size(), 2U);
    EXPECT_EQ(tables[0].integer("uid", 0, 99), 5);
    EXPECT_EQ(tables[1].integer("uid", 0, 99), 6);
    EXPECT_EQ(tables[1].path("uid"), "p[1].uid");
    EXPECT_THAT(texts(config), IsEmpty());
}

TEST(Config, AbsentIsNoProblem) {
    auto config = parsed("");
    EXPECT_FALSE(config.root().string("a"));
    EXPECT_FALSE(config.root().table("t"));
    EXPECT_THAT(config.root().tables("p"), IsEmpty());
    EXPECT_FALSE(config.root().has("x"));
    EXPECT_THAT(texts(config), IsEmpty());
}

TEST(Config, UnknownKeyNamesTheNearest) {
    auto config = parsed("# comment\n[listen]\nhttp = \"x\"\n");
    const auto listen = config.root().table("listen");
    EXPECT_FALSE(listen->string("https"));
    EXPECT_THAT(texts(config), ElementsAre("c.toml:3: listen.http: unknown key (did you mean \"https\"?)"));
}

TEST(Config, UnknownTableIsNamedOnce) {
    auto config = parsed("[zebra]\na = 1\nb = 2\n");
    (void)config.root().string("name");
    EXPECT_THAT(texts(config), ElementsAre("c.toml:1: zebra: unknown key (known here: name)"));
}

TEST(Config, KeyInTheWrongTableIsSentHome) {
    auto config = parsed("[a]\nmode = \"x\"\n");
    const auto root = config.root();
    (void)root.string("mode");
    (void)root.table("a")->string("other");
    const auto problems = config.problems();
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_EQ(problems[0].text(), "c.toml:2: a.mode: unknown key here: it belongs to the top of the file");
    EXPECT_EQ(problems[0].hint, "move the line above the first [table] of the file");
}

TEST(Config, WrongTypesAreAllFound) {
    auto config = parsed("s = 1\nb = \"true\"\ni = 1.5\nt = 3\nl = [1]\np = {}\nd = 2020-01-01\n");
    const auto root = config.root();
    EXPECT_FALSE(root.string("s"));
    EXPECT_FALSE(root.boolean("b"));
    EXPECT_FALSE(root.integer("i", 0, 9));
    EXPECT_FALSE(root.table("t"));
    EXPECT_FALSE(root.strings("l"));
    EXPECT_THAT(root.tables("p"), IsEmpty());
    EXPECT_FALSE(root.string("d"));
    EXPECT_THAT(texts(config), ElementsAre("c.toml:1: s: must be a string, not an integer",
                                           "c.toml:2: b: must be true or false, not a string",
                                           "c.toml:3: i: must be an integer, not a decimal number",
                                           "c.toml:4: t: must be a table, not an integer",
                                           "c.toml:5: l: must hold strings alone, not an integer",
                                           "c.toml:6: p: must be an array of tables, not a table",
                                           "c.toml:7: d: must be a string, not a date or time"));
}

TEST(Config, IntegersHaveBounds) {
    auto config = parsed("a = 70000\n");
    EXPECT_FALSE(config.root().integer("a", 0, 65535));
    EXPECT_THAT(texts(config), ElementsAre("c.toml:1: a: must be between 0 and 65535, not 70000"));
}

TEST(Config, ChoiceListsWhatIsAllowed) {
    auto config = parsed("[provisioning]\nsource = \"dsp\"\n");
    const auto provisioning = config.root().table("provisioning");
    EXPECT_FALSE(provisioning->choice("source", {"manual", "dps", "none"}));
    EXPECT_THAT(texts(config),
                ElementsAre("c.toml:2: provisioning.source: unknown value \"dsp\" (did you mean \"dps\"? "
                            "allowed: \"manual\", \"dps\", \"none\")"));
}

TEST(Config, RequiredKeyThatIsMissing) {
    auto config = parsed("a = 1\n[t]\n");
    (void)config.root().integer("a", 0, 9);
    EXPECT_FALSE(config.root().table("t")->required_string("id", "the service cannot be found without it"));
    EXPECT_THAT(texts(config), ElementsAre("c.toml:2: t.id: is missing: the service cannot be found without it"));
}

TEST(Config, ProblemsComeInOrderOfLines) {
    auto config = parsed("a = 1\nb = 2\nc = 3\n");
    const auto root = config.root();
    root.problem("c", "third");
    root.problem("a", "first");
    EXPECT_THAT(texts(config),
                ElementsAre("c.toml:1: a: first", HasSubstr("c.toml:2: b: unknown key"), "c.toml:3: c: third"));
}

TEST(Config, SyntaxErrorsHaveAPlace) {
    const auto config = Config::parse("a = 1\nb = = 2\n", "c.toml");
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().code(), Errc::invalid_argument);
    EXPECT_THAT(config.error().message(), HasSubstr("c.toml:2:"));
}

TEST(Config, AnUnquotedWordIsToldToTakeQuotes) {
    const auto config = Config::parse("auto_reprovisioning_mode = Dynamic # default\n", "c.toml");
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().hint(), "put the value in quotes: auto_reprovisioning_mode = \"Dynamic\"");
}

TEST(Config, WhatMayBeASecretIsNotSaidAgain) {
    for (const std::string line :
         {"postgresql = host=db password=geheim-4711\n", "primary_key = geheim-4711\n", "Password = geheim-4711\n",
          "pin = \u201cgeheim-4711\u201d\n", "uri = https://me:geheim-4711@proxy\n"}) {
        const auto config = Config::parse(line, "c.toml");
        ASSERT_FALSE(config) << line;
        EXPECT_FALSE(config.error().chain().contains("geheim")) << config.error().chain();
        EXPECT_TRUE(config.error().hint().ends_with(line.substr(0, line.find('=')) + "= \"...\""))
            << config.error().hint();
    }
}

TEST(Config, QuotesOfAWordProcessorAreToldToBePlain) {
    for (const auto* line : {"a = \u201cx\u201d\n", "a = `x`\n", "a = \u2018x\u2019 # why\n"}) {
        const auto config = Config::parse(line, "c.toml");
        ASSERT_FALSE(config) << line;
        EXPECT_EQ(config.error().hint(), "use plain quotes: a = \"x\"") << line;
    }
}

TEST(Config, NoSyntaxErrorIsWithoutAWordOfWhatMendsIt) {
    for (const auto* text :
         {"[\na = 1\n", "a = 1\n\xff\xfe\n", "a\n", "a = [1\n", "= 1\n", "[[a]\n", "a = \"x\n", "a = {\n"}) {
        const auto config = Config::parse(text, "c.toml");
        ASSERT_FALSE(config) << text;
        EXPECT_NE(config.error().hint(), "") << text;
    }
}

TEST(Config, AValueOfTheWrongKindIsToldHowItIsWritten) {
    auto config = parsed("s = 12345\nn = \"90\"\nf = \"true\"\nl = \"x\"\nt = 1\n");
    const auto root = config.root();
    (void)root.string("s");
    (void)root.integer("n", 0, 99);
    (void)root.boolean("f");
    (void)root.strings("l");
    (void)root.table("t");
    std::vector<std::string> hints;
    for (const auto& problem : config.problems()) hints.push_back(problem.hint);
    // A password may stand there.
    EXPECT_THAT(hints, ElementsAre("put the value in quotes: s = \"...\"", "n = 90", "f = true", "l = [\"...\"]", ""));
}

TEST(Config, WordsInAnotherOrderAreTheSameName) {
    auto config = parsed("scope_id = \"x\"\n");
    (void)config.root().string("id_scope");
    EXPECT_THAT(texts(config), ElementsAre("c.toml:1: scope_id: unknown key (did you mean \"id_scope\"?)"));
}

TEST(Config, WhatIsThereAlreadyWasHardlyMeant) {
    auto config = parsed("identity_cert = \"x\"\nidentity_key = \"y\"\n");
    (void)config.root().string("identity_cert");
    (void)config.root().string("identity_pk");
    EXPECT_THAT(texts(config), ElementsAre("c.toml:2: identity_key: unknown key (did you mean \"identity_pk\"?)"));
}

TEST(Config, TwoBlocksOfOneNameAreToldApart) {
    const auto config = Config::parse("[p]\na = 1\n\n[p]\na = 2\n", "c.toml");
    ASSERT_FALSE(config);
    EXPECT_THAT(config.error().message(), HasSubstr("c.toml:4:"));
    EXPECT_THAT(config.error().hint(), HasSubstr("keep one of the two"));
}

TEST(Config, VerbatimIsTomlAgain) {
    auto config = parsed("[agent.env]\nb = \"x\\ny\\\"\"\na = 1\n\"odd key\" = [1.5, true, { k = 'v' }]\n");
    const auto agent = config.root().table("agent");
    const auto text = agent->verbatim("env");
    EXPECT_EQ(text, "{ a = 1, b = \"x\\u000Ay\\\"\", \"odd key\" = [1.5, true, { k = \"v\" }] }");
    EXPECT_TRUE(Config::parse("v = " + text, "again"));
    EXPECT_THAT(texts(config), IsEmpty());
}

TEST(Config, WhatIsCarriedMayBeLookedInto) {
    auto config = parsed("[a.b]\nc = 1\n[a.b.d]\ne = 2\n");
    const auto a = config.root().table("a");
    ASSERT_TRUE(a->table("b"));
    EXPECT_EQ(a->verbatim("b"), "{ c = 1, d = { e = 2 } }");
    EXPECT_THAT(texts(config), IsEmpty());
}

TEST(Config, NamesComeInFileOrder) {
    auto config = parsed("z = 1\na = 2\n[m]\n");
    EXPECT_THAT(config.root().names(), ElementsAre("z", "a", "m"));
    EXPECT_EQ(config.problems().size(), 3U);
}

TEST(Config, AlsoKnownNamesServeTheHintAlone) {
    auto config = parsed("gatewy = 1\n");
    config.root().also_known({"gateway"});
    EXPECT_THAT(texts(config), ElementsAre("c.toml:1: gatewy: unknown key (did you mean \"gateway\"?)"));
}

TEST(Config, DeepNestingIsRefusedNotCrashed) {
    std::string deep = "[a";
    for (int i = 0; i < 100000; ++i) deep += ".a";
    EXPECT_FALSE(Config::parse(deep + "]\n", "c.toml"));
    EXPECT_FALSE(Config::parse("a = " + std::string(100000, '['), "c.toml"));
}

TEST(Config, LoadNamesAMissingFile) {
    const auto config = Config::load("/nonexistent/c.toml");
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().code(), Errc::not_found);
    EXPECT_THAT(config.error().message(), HasSubstr("/nonexistent/c.toml"));
}

}  // namespace
}  // namespace muster
