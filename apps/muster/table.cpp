#include "muster/table.h"

#include "base/text.h"

namespace muster::cli {
namespace {

constexpr std::size_t rows_that_decide = 200;
constexpr std::size_t gap = 2;
constexpr std::size_t shortest_text = 6;
constexpr std::size_t shortest_id = 12;
constexpr std::size_t longest_cell = 4096;

bool starts_code_point(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
}

}  // namespace

std::size_t display_width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_code_point));
}

std::string cut_to_width(std::string_view text, std::size_t width) {
    if (display_width(text) <= width) return std::string(text);
    if (width == 0) return {};
    std::size_t end = 0;
    for (std::size_t shown = 0; end < text.size(); ++end) {
        if (starts_code_point(text[end]) && shown++ == width - 1) break;
    }
    return std::string(text.substr(0, end)) + "…";
}

std::string pad_to_width(std::string_view text, std::size_t width) {
    const auto shown = display_width(text);
    return std::string(text) + std::string(shown < width ? width - shown : 0, ' ');
}

Table::Table(std::vector<Column> columns, std::optional<std::size_t> width, Sink sink)
    : columns_(std::move(columns)), width_(width), sink_(std::move(sink)) {}

void Table::add(std::vector<std::string> cells) {
    for (auto& cell : cells) cell = printable(cell, longest_cell);
    cells.resize(columns_.size());
    if (started_) return print(cells);
    waiting_.push_back(std::move(cells));
    if (waiting_.size() >= rows_that_decide) start();
}

void Table::finish() {
    if (!started_ && !waiting_.empty()) start();
}

void Table::start() {
    started_ = true;
    std::vector<std::string> titles;
    for (const auto& column : columns_) {
        titles.push_back(column.title);
        widths_.push_back(display_width(column.title));
    }
    for (const auto& row : waiting_) {
        for (std::size_t i = 0; i < row.size(); ++i) widths_[i] = std::max(widths_[i], display_width(row[i]));
    }
    if (width_) {
        while (total_width() > *width_ && shrink(ColumnKind::text, shortest_text)) {
        }
        while (total_width() > *width_ && shrink(ColumnKind::id, shortest_id)) {
        }
        // Narrower still: better fewer columns than lines that wrap; what matters most comes first.
        while (total_width() > *width_ && widths_.size() > 1) widths_.pop_back();
    }
    print(titles);
    for (const auto& row : waiting_) print(row);
    waiting_.clear();
}

std::size_t Table::total_width() const {
    std::size_t total = gap * (widths_.size() - 1);
    for (const auto width : widths_) total += width;
    return total;
}

// Takes one from the widest column of that kind; false when all are as short as they may be.
bool Table::shrink(ColumnKind kind, std::size_t floor) {
    std::size_t* widest = nullptr;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (columns_[i].kind != kind || widths_[i] <= floor) continue;
        if (widest == nullptr || widths_[i] > *widest) widest = &widths_[i];
    }
    if (widest == nullptr) return false;
    --*widest;
    return true;
}

void Table::print(const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < widths_.size(); ++i) {
        if (i > 0) line += std::string(gap, ' ');
        // Without a limit a later, longer cell pushes its line out of step rather than losing its end.
        line += pad_to_width(width_ ? cut_to_width(cells[i], widths_[i]) : cells[i], widths_[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    sink_(line + '\n');
}

}  // namespace muster::cli
