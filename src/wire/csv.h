// Comma-separated values (RFC 4180), record by record, without I/O.
//
// Fields may be quoted; a quoted one may hold commas, line breaks and doubled quotes. Records end in LF or CRLF. Empty
// lines, and the byte order mark that spreadsheets put in front, are skipped.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace muster::wire {

struct CsvRecord {
    std::size_t line;  // that it begins on, from 1
    std::vector<std::string> fields;
};

struct CsvLimits {
    std::size_t record_bytes = 256 * 1024;
    std::size_t fields = 100;
};

class CsvReader {
public:
    explicit CsvReader(CsvLimits limits = {}) : limits_(limits) {}

    // More of the text; what `next` has not taken yet is kept. Give it in pieces of some KB, and take the records in
    // between.
    void put(std::string_view text);
    // No more text comes.
    void end() { ended_ = true; }
    // The next record; nothing when it is not complete yet, or after the last. An error (Errc::invalid_argument, with
    // the line) ends the reading: where records begin is not known any more.
    Result<std::optional<CsvRecord>> next();

private:
    enum class At { field_start, plain, quoted, quote_in_quoted };
    Result<bool> take(char c);
    Result<> add(char c);
    Result<> end_field();
    std::optional<CsvRecord> finish();

    CsvLimits limits_;
    std::string text_;
    std::size_t position_ = 0;
    bool begun_ = false;  // the byte order mark has been looked for
    bool ended_ = false;
    bool failed_ = false;
    At at_ = At::field_start;
    std::size_t line_ = 1;
    std::size_t quote_line_ = 1;
    std::size_t bytes_ = 0;
    CsvRecord record_{1, {}};
    std::string field_;
};

// One record as a line with its end; fields are quoted where they must be.
std::string csv_line(const std::vector<std::string>& fields);

}  // namespace muster::wire
