// A table of enrollments, as `muster import` reads it. In whatever pieces it comes, the records are the same; what a
// record says can be written as a line and read again.
// rooms: base wire operator
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "muster/bulk/csv_enrollment.h"
#include "wire/csv.h"

namespace {

using namespace muster;

struct Read {
    std::vector<wire::CsvRecord> records;
    bool failed = false;
};

Read read(std::string_view text, std::size_t piece) {
    wire::CsvReader reader({.record_bytes = 4096, .fields = 30});
    Read out;
    bool ended = false;
    for (;;) {
        auto record = reader.next();
        if (!record) {
            out.failed = true;
            return out;
        }
        if (*record) {
            out.records.push_back(std::move(**record));
        } else if (ended) {
            return out;
        } else {
            reader.put(text.substr(0, piece));
            text.remove_prefix(std::min(piece, text.size()));
            ended = text.empty();
            if (ended) reader.end();
        }
    }
}

void check_same(const Read& a, const Read& b) {
    if (a.failed != b.failed || a.records.size() != b.records.size()) std::abort();
    for (std::size_t i = 0; i < a.records.size(); ++i)
        if (a.records[i].fields != b.records[i].fields || a.records[i].line != b.records[i].line) std::abort();
}

void check_line(const std::vector<std::string>& fields) {
    // A line of one empty field is an empty line, which is none.
    if (fields.size() == 1 && fields.front().empty()) return;
    // Not in the first line, where a byte order mark would be taken for one.
    const auto again = read("header\n" + wire::csv_line(fields), 64);
    if (!again.failed && (again.records.size() != 2 || again.records.back().fields != fields)) std::abort();
}

bool names_a_file(const std::vector<std::string>& cells) {
    return std::ranges::any_of(cells, [](const auto& cell) { return cell.starts_with('@'); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto whole = read(text, 4096);
    check_same(whole, read(text, 1));
    for (const auto& record : whole.records) check_line(record.fields);
    if (whole.records.empty()) return 0;
    const auto columns = cli::CsvColumns::from_header(whole.records.front().fields);
    if (!columns) return 0;
    for (std::size_t i = 1; i < whole.records.size(); ++i) {
        const auto& cells = whole.records[i].fields;
        if (names_a_file(cells)) continue;  // no files are read here
        const auto enrollment = columns->to_enrollment(cells, ".");
        if (enrollment) (void)cli::CsvColumns::all(columns->of_groups()).to_cells(*enrollment);
    }
    return 0;
}
