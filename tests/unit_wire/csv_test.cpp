#include "wire/csv.h"

#include <gtest/gtest.h>

namespace muster::wire {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// All records of a text that comes in pieces of that size; what went wrong stands in `error`.
Rows read(std::string_view text, std::size_t piece, std::string* error = nullptr, CsvLimits limits = {}) {
    CsvReader reader(limits);
    Rows rows;
    for (;;) {
        auto record = reader.next();
        if (!record) {
            if (error != nullptr) *error = record.error().chain();
            return rows;
        }
        if (*record) {
            rows.push_back(std::move((*record)->fields));
        } else if (!text.empty()) {
            reader.put(text.substr(0, piece));
            text.remove_prefix(std::min(piece, text.size()));
            if (text.empty()) reader.end();
        } else {
            return rows;
        }
    }
}

std::string fault(std::string_view text, CsvLimits limits = {}) {
    std::string error;
    read(text, 1, &error, limits);
    return error;
}

TEST(Csv, ReadsWhatRfc4180Says) {
    const std::string_view text =
        "\xef\xbb\xbf"
        "id,tags,note\r\n"
        "dev-1,\"{\"\"site\"\":\"\"a,b\"\"}\",\r\n"
        "\r\n"
        "dev-2,,\"two\nlines\"\n"
        "last,\"\",x";
    const Rows rows{
        {"id", "tags", "note"}, {"dev-1", R"({"site":"a,b"})", ""}, {"dev-2", "", "two\nlines"}, {"last", "", "x"}};
    for (const std::size_t piece : {1, 2, 3, 7, 1000}) EXPECT_EQ(read(text, piece), rows) << piece;
}

TEST(Csv, KnowsTheLineThatARecordBeginsOn) {
    CsvReader reader;
    reader.put("a\n\"b\nb\"\n\nc\n");
    reader.end();
    EXPECT_EQ((*reader.next())->line, 1u);
    EXPECT_EQ((*reader.next())->line, 2u);
    EXPECT_EQ((*reader.next())->line, 5u);
    EXPECT_FALSE(*reader.next());
}

TEST(Csv, SaysWhatIsWrongAndWhere) {
    EXPECT_EQ(fault("a\nb,\"c\nd"), "line 2: the quote that begins here has no end");
    EXPECT_EQ(fault("a\nb\"c\n"),
              "line 2: a quote in the middle of a field; put the whole field in quotes, and double those in it");
    EXPECT_EQ(fault("\"a\"b\n"), "line 1: text behind a closing quote");
    EXPECT_EQ(fault("a,b,c\n", {.record_bytes = 100, .fields = 2}), "line 1: more than 2 fields");
    EXPECT_EQ(fault("a\nbbbbbbbbbbbb\n", {.record_bytes = 10, .fields = 2}),
              "line 2: the record has more than 10 bytes");
}

TEST(Csv, EmptyTextsHaveNoRecords) {
    for (const std::string_view text : {"\n", "\r\n\r\n", "\xef\xbb\xbf", "\n\n\n"}) EXPECT_EQ(read(text, 1), Rows());
}

TEST(Csv, WhatIsWrittenIsReadAgain) {
    const std::vector<std::string> fields{"", "a", "a,b", "\"", "x\r\ny", " spaces ", ""};
    EXPECT_EQ(read(csv_line(fields), 3), Rows{fields});
    EXPECT_EQ(csv_line({"a", "b"}), "a,b\n");
}

}  // namespace
}  // namespace muster::wire
