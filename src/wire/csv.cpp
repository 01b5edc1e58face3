#include "wire/csv.h"

namespace muster::wire {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

}  // namespace

void CsvReader::put(std::string_view text) {
    text_.erase(0, position_);
    position_ = 0;
    text_ += text;
}

Result<std::optional<CsvRecord>> CsvReader::next() {
    if (failed_) return fail(Errc::invalid_argument, "the CSV text cannot be read any further");
    if (!begun_) {
        if (text_.size() < byte_order_mark.size() && !ended_) return std::nullopt;
        if (text_.starts_with(byte_order_mark)) position_ = byte_order_mark.size();
        begun_ = true;
    }
    while (position_ < text_.size()) {
        const auto complete = take(text_[position_++]);
        if (!complete) {
            failed_ = true;
            return std::unexpected(complete.error());
        }
        if (!*complete) continue;
        if (auto record = finish()) return record;
    }
    if (!ended_) return std::nullopt;
    if (at_ == At::quoted) {
        failed_ = true;
        return fail(Errc::invalid_argument, "line {}: the quote that begins here has no end", quote_line_);
    }
    if (at_ == At::field_start && record_.fields.empty()) return std::nullopt;
    if (auto last = end_field(); !last) return std::unexpected(last.error());
    return finish();
}

// True when the character ends a record.
Result<bool> CsvReader::take(char c) {
    if (c == '\n') ++line_;
    if (++bytes_ > limits_.record_bytes)
        return fail(Errc::too_large, "line {}: the record has more than {} bytes", record_.line, limits_.record_bytes);
    switch (at_) {
        case At::field_start:
            if (c == '"') {
                at_ = At::quoted;
                quote_line_ = line_;
                return false;
            }
            at_ = At::plain;
            [[fallthrough]];
        case At::plain:
            if (c == '"')
                return fail(
                    Errc::invalid_argument,
                    "line {}: a quote in the middle of a field; put the whole field in quotes, and double those "
                    "in it",
                    line_);
            break;
        case At::quoted:
            if (c == '"') {
                at_ = At::quote_in_quoted;
            } else {
                field_ += c;
            }
            return false;
        case At::quote_in_quoted:
            if (c == '"') {
                field_ += '"';
                at_ = At::quoted;
                return false;
            }
            if (c != ',' && c != '\n' && c != '\r')
                return fail(Errc::invalid_argument, "line {}: text behind a closing quote", line_);
            break;
    }
    if (c == ',') {
        MUSTER_CHECK(end_field());
        return false;
    }
    if (c == '\n') {
        if (at_ == At::plain && field_.ends_with('\r')) field_.pop_back();
        MUSTER_CHECK(end_field());
        return true;
    }
    // Behind a closing quote only the CR of a line's end has come this far.
    if (at_ == At::plain) field_ += c;
    return false;
}

Result<> CsvReader::end_field() {
    if (record_.fields.size() == limits_.fields)
        return fail(Errc::invalid_argument, "line {}: more than {} fields", record_.line, limits_.fields);
    record_.fields.push_back(std::exchange(field_, {}));
    at_ = At::field_start;
    return {};
}

// The record that has ended; nothing for an empty line.
std::optional<CsvRecord> CsvReader::finish() {
    auto record = std::exchange(record_, {line_, {}});
    bytes_ = 0;
    if (record.fields.size() == 1 && record.fields.front().empty()) return std::nullopt;
    return record;
}

std::string csv_line(const std::vector<std::string>& fields) {
    std::string out;
    for (const auto& field : fields) {
        if (!out.empty() || &field != &fields.front()) out += ',';
        if (field.find_first_of(",\"\r\n") == std::string::npos) {
            out += field;
            continue;
        }
        out += '"';
        for (const char c : field) {
            if (c == '"') out += '"';
            out += c;
        }
        out += '"';
    }
    return out + '\n';
}

}  // namespace muster::wire
