#include "muster/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace muster::cli {
namespace {

std::string print(std::vector<Column> columns, std::optional<std::size_t> width,
                  const std::vector<std::vector<std::string>>& rows) {
    std::string out;
    Table table(std::move(columns), width, [&out](std::string_view text) { out += text; });
    for (const auto& row : rows) table.add(row);
    table.finish();
    return out;
}

TEST(Table, ColumnsAreAsWideAsTheirContent) {
    EXPECT_EQ(print({{"ID", ColumnKind::id}, {"STATUS"}, {"HUB"}}, std::nullopt,
                    {{"dev-1", "assigned", "a"}, {"device-22", "failed", "b.example"}}),
              "ID         STATUS    HUB\n"
              "dev-1      assigned  a\n"
              "device-22  failed    b.example\n");
}

TEST(Table, WithoutRowsNothingIsPrinted) {
    EXPECT_EQ(print({{"ID"}}, std::nullopt, {}), "");
}

TEST(Table, TheLongestTextIsCutFirst) {
    const auto out = print({{"ID", ColumnKind::id}, {"HUB"}, {"DETAIL"}}, 40,
                           {{"a-rather-long-id", "hub.example", "a message that does not fit by far"}});
    for (const auto line : split(out, '\n')) EXPECT_LE(display_width(line), 40u) << line;
    EXPECT_THAT(out, testing::HasSubstr("a-rather-long-id  hub.exam"));
    EXPECT_THAT(out, testing::HasSubstr("…"));
}

TEST(Table, IdsStayWholeWhileTextCanBeCut) {
    const auto out = print({{"ID", ColumnKind::id}, {"TEXT"}}, 44, {{std::string(34, 'i'), std::string(80, 't')}});
    EXPECT_THAT(out, testing::HasSubstr(std::string(34, 'i') + "  ttttttt…"));
}

TEST(Table, IdsAreCutWhenNothingElseHelps) {
    const auto out = print({{"ID", ColumnKind::id}, {"TEXT"}}, 30, {{std::string(64, 'i'), "t"}});
    for (const auto line : split(out, '\n')) EXPECT_LE(display_width(line), 30u) << line;
}

TEST(Table, TheLastColumnsGoBeforeIdsAreCut) {
    const auto out = print(
        {{"ID", ColumnKind::id}, {"STATUS", ColumnKind::word}, {"HUB"}, {"UPDATED", ColumnKind::word}, {"DETAIL"}}, 40,
        {{std::string(20, 'i'), "assigned", "a.hub.example", "3 min ago", "initialAssignment"}});
    EXPECT_EQ(out,
              "ID                    STATUS    HUB\n"
              "iiiiiiiiiiiiiiiiiiii  assigned  a.hub.e…\n");
}

TEST(Table, OnlyIdsRemainOnTheNarrowest) {
    const auto out =
        print({{"ID", ColumnKind::id}, {"STATUS", ColumnKind::word}}, 20, {{std::string(64, 'i'), "assigned"}});
    EXPECT_EQ(out, "ID\niiiiiiiiiiiiiiiiiii…\n");
}

TEST(WrapWords, BreaksAtSpaces) {
    EXPECT_THAT(wrap_words("one two three", 7), testing::ElementsAre("one two", "three"));
    EXPECT_THAT(wrap_words("averylongword x", 5), testing::ElementsAre("averylongword", "x"));
    EXPECT_THAT(wrap_words("", 5), testing::ElementsAre(""));
}

TEST(Table, WidthIsInCharactersNotBytes) {
    EXPECT_EQ(display_width("Ærø-ñ"), 5u);
    EXPECT_EQ(cut_to_width("Ærøskøbing", 5), "Ærøs…");
    EXPECT_EQ(cut_to_width("Ærø", 3), "Ærø");
    EXPECT_EQ(pad_to_width("ø", 3), "ø  ");
    EXPECT_EQ(print({{"ID"}, {"X"}}, std::nullopt, {{"Ærø", "1"}, {"abcd", "2"}}), "ID    X\nÆrø   1\nabcd  2\n");
}

TEST(Table, ControlCharactersOfNamesDoNotReachTheTerminal) {
    EXPECT_THAT(print({{"ID"}}, std::nullopt, {{"a\x1b[31mb"}}), testing::HasSubstr("a\\x1b[31mb"));
}

TEST(Table, PrintsAsRowsComeOnceTheWidthsAreKnown) {
    std::size_t lines = 0;
    Table table({{"ID", ColumnKind::id}}, std::nullopt, [&lines](std::string_view) { ++lines; });
    for (int i = 0; i < 1000; ++i) table.add({fmt::format("device-{}", i)});
    EXPECT_EQ(lines, 1001u) << "no row may wait for the end";
}

}  // namespace
}  // namespace muster::cli
