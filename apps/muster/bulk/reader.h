// A file of enrollments, one after another: JSON lines, or a table (CSV).
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <variant>

#include "base/error.h"
#include "base/json.h"
#include "muster/bulk/csv_enrollment.h"
#include "wire/csv.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace muster::cli {

enum class BulkFormat { json_lines, csv };
// FILE, and --format. A pipe is no file: a run that was ended in the middle goes on in it.
CLI::Option* add_bulk_file(CLI::App& verb, std::string& value, const char* description);
CLI::Option* add_format(CLI::App& verb, std::string& value, const char* description);
// As --format says; without it by the name's end: .csv, or else .jsonl, .ndjson, .json. Errc::invalid_argument for any
// other.
Result<BulkFormat> format_of(const std::string& option, const std::string& name);

// One record of the file: an enrollment, or why it is none.
struct BulkRecord {
    std::size_t line = 0;
    bool group = false;
    std::string id;
    json::object enrollment;
    std::string fault;  // empty when it is one
};

class BulkReader {
public:
    static Result<std::unique_ptr<BulkReader>> open(const std::filesystem::path& file, BulkFormat format);
    // Nothing after the last. An error ends the reading: the rest of the file cannot be understood.
    Result<std::optional<BulkRecord>> next();
    std::uintmax_t bytes_read() const { return bytes_read_; }
    std::uintmax_t size() const { return size_; }

private:
    BulkReader(std::filesystem::path file, BulkFormat format) : file_(std::move(file)), format_(format) {}
    Result<bool> read_more(std::string& into);
    Result<std::optional<std::string>> next_line();
    Result<std::optional<BulkRecord>> next_of_json_lines();
    Result<std::optional<BulkRecord>> next_of_csv();
    Result<std::optional<wire::CsvRecord>> next_csv_record();

    std::filesystem::path file_;
    BulkFormat format_;
    std::ifstream stream_;
    std::uintmax_t size_ = 0;
    std::uintmax_t bytes_read_ = 0;
    bool ended_ = false;
    std::string text_;  // of JSON lines: read and not yet taken
    std::size_t line_ = 0;
    wire::CsvReader csv_;
    std::optional<CsvColumns> columns_;
};

}  // namespace muster::cli
