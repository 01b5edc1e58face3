#include "muster/bulk/reader.h"

#include <cerrno>

#include "base/text.h"
#include "muster/command.h"

namespace muster::cli {
namespace {

constexpr std::size_t piece = 64 * 1024;
constexpr std::size_t longest_line = 256 * 1024;
constexpr std::string_view individual_id = "registrationId";
constexpr std::string_view group_id = "enrollmentGroupId";

void name_record(BulkRecord& record) {
    record.group = find_member(record.enrollment, group_id) != nullptr;
    record.id = string_or(record.enrollment, record.group ? group_id : individual_id);
    if (record.id.empty()) record.fault = fmt::format("neither \"{}\" nor \"{}\" is there", individual_id, group_id);
}

}  // namespace

CLI::Option* add_bulk_file(CLI::App& verb, std::string& value, const char* description) {
    const auto check = [](const std::string& name) -> std::string {
        return name == "-" ? "a file is needed, so that a run that was ended in the middle can go on" : "";
    };
    return add_file(verb, "FILE", value, description)->required()->check(check, "", "");
}

CLI::Option* add_format(CLI::App& verb, std::string& value, const char* description) {
    return add_choice(verb, "--format", value, {"jsonl", "csv"}, description);
}

Result<BulkFormat> format_of(const std::string& option, const std::string& name) {
    if (!option.empty()) return option == "csv" ? BulkFormat::csv : BulkFormat::json_lines;
    const auto lower = to_lower(name);
    if (lower.ends_with(".csv")) return BulkFormat::csv;
    for (const std::string_view end : {".jsonl", ".ndjson", ".json"})
        if (lower.ends_with(end)) return BulkFormat::json_lines;
    return fail(Error(Errc::invalid_argument,
                      fmt::format("the name of {} does not say what it holds: it ends neither in .csv nor in .jsonl",
                                  printable(name)))
                    .with_hint("Say it with --format csv or --format jsonl."));
}

Result<std::unique_ptr<BulkReader>> BulkReader::open(const std::filesystem::path& file, BulkFormat format) {
    std::unique_ptr<BulkReader> reader(new BulkReader(file, format));
    std::error_code error;
    reader->size_ = std::filesystem::file_size(file, error);
    if (error) return fail(errno_error(fmt::format("cannot read {}", file.string()), error.value()));
    reader->stream_.open(file, std::ios::binary);
    if (!reader->stream_) return fail(errno_error(fmt::format("cannot open {}", file.string()), errno));
    if (format == BulkFormat::json_lines) return reader;
    MUSTER_TRY(const auto header, reader->next_csv_record());
    if (!header) return fail(Errc::invalid_argument, "{} is empty", file.string());
    auto columns = CsvColumns::from_header(header->fields);
    if (!columns) return fail(columns.error().wrap(fmt::format("{}:{}", file.string(), header->line)));
    reader->columns_ = std::move(*columns);
    return reader;
}

Result<std::optional<BulkRecord>> BulkReader::next() {
    return format_ == BulkFormat::csv ? next_of_csv() : next_of_json_lines();
}

// False at the end of the file.
Result<bool> BulkReader::read_more(std::string& into) {
    if (ended_) return false;
    char bytes[piece];
    stream_.read(bytes, sizeof bytes);
    const auto count = static_cast<std::size_t>(stream_.gcount());
    if (stream_.bad()) return fail(errno_error(fmt::format("cannot read {}", file_.string()), errno));
    into.append(bytes, count);
    bytes_read_ += count;
    ended_ = count == 0;
    return !ended_;
}

Result<std::optional<std::string>> BulkReader::next_line() {
    std::size_t searched = 0;
    for (;;) {
        const auto end = text_.find('\n', searched);
        if (end != std::string::npos || (ended_ && !text_.empty())) {
            auto line = text_.substr(0, end);
            text_.erase(0, end == std::string::npos ? end : end + 1);
            ++line_;
            return line;
        }
        if (ended_) return std::nullopt;
        if (text_.size() > longest_line)
            return fail(Errc::too_large, "{}:{}: a line of more than {} bytes", file_.string(), line_ + 1,
                        longest_line);
        searched = text_.size();
        MUSTER_CHECK(read_more(text_));
    }
}

Result<std::optional<BulkRecord>> BulkReader::next_of_json_lines() {
    for (;;) {
        MUSTER_TRY(const auto line, next_line());
        if (!line) return std::nullopt;
        if (trim(*line).empty()) continue;
        BulkRecord record{.line = line_, .group = false, .id = {}, .enrollment = {}, .fault = {}};
        auto object = parse_json_object(*line);
        if (object) {
            record.enrollment = std::move(*object);
            name_record(record);
        } else {
            record.fault = object.error().chain();
        }
        return record;
    }
}

Result<std::optional<wire::CsvRecord>> BulkReader::next_csv_record() {
    for (;;) {
        auto record = csv_.next();
        if (!record) return fail(record.error().wrap(file_.string()));
        if (*record || ended_) return record;
        std::string more;
        MUSTER_TRY(const auto any, read_more(more));
        any ? csv_.put(more) : csv_.end();
    }
}

Result<std::optional<BulkRecord>> BulkReader::next_of_csv() {
    MUSTER_TRY(const auto line, next_csv_record());
    if (!line) return std::nullopt;
    BulkRecord record{.line = line->line, .group = columns_->of_groups(), .id = {}, .enrollment = {}, .fault = {}};
    auto enrollment = columns_->to_enrollment(line->fields, file_.parent_path());
    if (enrollment) {
        record.enrollment = std::move(*enrollment);
        name_record(record);
    } else {
        record.fault = enrollment.error().chain();
    }
    return record;
}

}  // namespace muster::cli
