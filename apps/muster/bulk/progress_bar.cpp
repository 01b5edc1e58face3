#include "muster/bulk/progress_bar.h"

#include <algorithm>

#include "muster/table.h"

namespace muster::cli {
namespace {

constexpr auto between = std::chrono::milliseconds(200);
constexpr std::size_t widest_bar = 30;

std::string bar_of(double part, std::size_t width) {
    const auto filled = static_cast<std::size_t>(part * static_cast<double>(width));
    return "[" + std::string(filled, '#') + std::string(width - filled, '.') + "]";
}

}  // namespace

std::string grouped(std::size_t number) {
    auto text = fmt::format("{}", number);
    for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
        text.insert(static_cast<std::size_t>(at), ",");
    return text;
}

std::string duration_text(std::chrono::duration<double> duration) {
    const auto seconds = std::chrono::round<std::chrono::seconds>(duration).count();
    return seconds < 60 ? fmt::format("{} s", seconds) : fmt::format("{} min {} s", seconds / 60, seconds % 60);
}

void ProgressBar::show(std::optional<double> part, std::size_t items) {
    if (!io_.err_columns) return;
    const auto now = Monotonic::now();
    if (now - shown_ < between) return;
    shown_ = now;
    if (!first_part_) first_part_ = part;
    const std::chrono::duration<double> passed = now - began_;
    auto text = fmt::format("{} {}", what_, grouped(items));
    if (passed.count() > 1)
        text += fmt::format("  {}/s", grouped(static_cast<std::size_t>(static_cast<double>(items) / passed.count())));
    if (part) {
        const auto all = std::clamp(*part, 0.0, 1.0);
        const auto done = all - *first_part_;
        if (passed.count() > 1 && done > 0)
            text += fmt::format("  {} left", duration_text(passed * ((1 - all) / done)));
        text = fmt::format("{} {:3.0f}%  {}", bar_of(all, std::min(widest_bar, *io_.err_columns / 4)), all * 100, text);
    }
    text = cut_to_width(text, *io_.err_columns - 1);
    const auto width = display_width(text);
    io_.err("\r" + pad_to_width(text, width_));
    width_ = width;
}

void ProgressBar::clear() {
    if (width_ != 0) io_.err("\r" + std::string(width_, ' ') + "\r");
    width_ = 0;
}

}  // namespace muster::cli
