// Tables on a terminal: columns as wide as their content; where the line is too short for all of them, texts are cut
// first, then the columns at the right are left out.
//
// The first rows decide the widths; what follows is printed as it comes, so that a listing of a whole fleet takes no
// more memory than its first page.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::cli {

// Code points, which is what a terminal shows of nearly everything people name devices.
std::size_t display_width(std::string_view text);
// At most `width` code points; what was cut off ends in an ellipsis.
std::string cut_to_width(std::string_view text, std::size_t width);
// Lines of at most `width`, broken at spaces; a longer word stays whole.
std::vector<std::string> wrap_words(std::string_view text, std::size_t width);
// Spaces after the text up to `width`; a longer text stays whole.
std::string pad_to_width(std::string_view text, std::size_t width);

enum class ColumnKind {
    text,  // is cut where the line would be too long
    word,  // a state, a time: whole or not at all
    id,    // is copied into the next command: stays whole as long as it can
};

struct Column {
    std::string title;
    ColumnKind kind = ColumnKind::text;
};

class Table {
public:
    using Sink = std::function<void(std::string_view)>;

    // `columns` of the terminal; nothing for no limit.
    Table(std::vector<Column> columns, std::optional<std::size_t> width, Sink sink);

    // As many cells as columns. Control characters are shown escaped: names come from devices.
    void add(std::vector<std::string> cells);
    // Prints what waits for its widths. A table without rows prints nothing.
    void finish();

private:
    void start();
    void fit();
    bool drop_column();
    bool shrink(ColumnKind kind, std::size_t floor);
    bool too_wide() const;
    void print(const std::vector<std::string>& cells);

    std::vector<Column> columns_;
    std::optional<std::size_t> width_;
    Sink sink_;
    std::vector<std::vector<std::string>> waiting_;
    std::vector<std::size_t> widths_;  // 0: not shown
    bool started_ = false;
};

}  // namespace muster::cli
