#include "muster/table.h"

#include "base/text.h"

namespace muster::cli {
namespace {

constexpr std::size_t rows_that_decide = 200;
constexpr std::size_t gap = 2;
constexpr std::size_t shortest_text = 8;
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

std::vector<std::string> wrap_words(std::string_view text, std::size_t width) {
    std::vector<std::string> lines(1);
    for (const auto word : split(text, ' ')) {
        auto& line = lines.back();
        if (line.empty()) {
            line = word;
        } else if (display_width(line) + 1 + display_width(word) <= width) {
            line += fmt::format(" {}", word);
        } else {
            lines.emplace_back(word);
        }
    }
    return lines;
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
    for (const auto& column : columns_) titles.push_back(column.title);
    fit();
    print(titles);
    for (const auto& row : waiting_) print(row);
    waiting_.clear();
}

void Table::fit() {
    std::vector<std::size_t> natural;
    for (const auto& column : columns_) natural.push_back(display_width(column.title));
    for (const auto& row : waiting_) {
        for (std::size_t i = 0; i < row.size(); ++i) natural[i] = std::max(natural[i], display_width(row[i]));
    }
    widths_ = natural;
    do {
        // What is still shown may be as wide as it likes again.
        for (std::size_t i = 0; i < widths_.size(); ++i) widths_[i] = widths_[i] == 0 ? 0 : natural[i];
        while (too_wide() && shrink(ColumnKind::text, shortest_text)) {
        }
    } while (too_wide() && drop_column());
    while (too_wide() && shrink(ColumnKind::id, shortest_id)) {
    }
}

// Leaves out the last column that is no id; what matters most comes first. False when only ids are left.
bool Table::drop_column() {
    for (std::size_t i = columns_.size(); i-- > 0;) {
        if (columns_[i].kind == ColumnKind::id || widths_[i] == 0) continue;
        widths_[i] = 0;
        return true;
    }
    return false;
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

bool Table::too_wide() const {
    if (!width_) return false;
    std::size_t total = 0;
    for (const auto width : widths_) total += width == 0 ? 0 : width + (total == 0 ? 0 : gap);
    return total > *width_;
}

void Table::print(const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < widths_.size(); ++i) {
        if (widths_[i] == 0) continue;
        if (!line.empty()) line += std::string(gap, ' ');
        // Without a limit a later, longer cell pushes its line out of step rather than losing its end.
        line += pad_to_width(width_ ? cut_to_width(cells[i], widths_[i]) : cells[i], widths_[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    sink_(line + '\n');
}

}  // namespace muster::cli
