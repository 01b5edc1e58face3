#include "muster/output.h"

#include "base/text.h"
#include "muster/table.h"

namespace muster::cli {
namespace {

std::string indented(const std::string& text) {
    std::string out = "  ";
    for (const char c : text) {
        out += c;
        if (c == '\n') out += "  ";
    }
    return out;
}

std::string date(TimePoint time) {
    return format_utc_seconds(time).substr(0, 10);
}

bool is_never(std::string_view text) {
    return text.starts_with("0001-01-01");
}

}  // namespace

void JsonArrayPrinter::add(const json::value& item) {
    io_.out(first_ ? "[\n" : ",\n");
    first_ = false;
    io_.out(indented(pretty(item)));
}

void JsonArrayPrinter::finish() {
    io_.out(first_ ? "[]\n" : "\n]\n");
}

void FactSheet::add(std::string label, std::string value) {
    if (!value.empty()) facts_.emplace_back(std::move(label), printable(value, 4096));
}

void FactSheet::print(const Io& io) const {
    std::size_t widest = 0;
    for (const auto& [label, value] : facts_) widest = std::max(widest, display_width(label));
    const auto margin = widest + 2;
    const auto room = io.columns && *io.columns > 2 * margin ? *io.columns - margin : std::string::npos;
    for (const auto& [label, value] : facts_) {
        auto left = label;
        for (const auto& line : wrap_words(value, room)) {
            io.out(pad_to_width(left, margin) + line + '\n');
            left.clear();
        }
    }
}

std::string relative_time(TimePoint time, TimePoint now) {
    using namespace std::chrono;
    const auto away = duration_cast<seconds>(now > time ? now - time : time - now);
    if (away < 2s) return "just now";
    if (away > days(60)) return date(time);
    std::string amount;
    if (away < 2min) {
        amount = fmt::format("{} s", away.count());
    } else if (away < 2h) {
        amount = fmt::format("{} min", duration_cast<minutes>(away).count());
    } else if (away < days(2)) {
        amount = fmt::format("{} h", duration_cast<hours>(away).count());
    } else {
        amount = fmt::format("{} days", duration_cast<days>(away).count());
    }
    return now > time ? amount + " ago" : "in " + amount;
}

std::string short_time(const json::object& object, std::string_view name, TimePoint now) {
    const auto text = string_or(object, name);
    if (is_never(text)) return "never";
    const auto time = parse_utc(text);
    return time ? relative_time(*time, now) : text;
}

std::string long_time(const json::object& object, std::string_view name, TimePoint now) {
    auto text = string_or(object, name);
    if (is_never(text)) return "never";
    const auto time = parse_utc(text);
    if (!time) return text;
    auto absolute = format_utc_seconds(*time);  // 2026-11-24T06:49:05Z
    absolute[10] = ' ';
    absolute.pop_back();
    const auto relative = relative_time(*time, now);
    if (absolute.starts_with(relative)) return absolute + " UTC";
    return fmt::format("{} UTC ({})", absolute, relative);
}

const json::object* object_at(const json::object& object, std::string_view dotted_path) {
    const json::object* at = &object;
    for (const auto name : split(dotted_path, '.')) {
        const auto* member = find_member(*at, name);
        if (member == nullptr || !member->is_object()) return nullptr;
        at = &member->as_object();
    }
    return at;
}

std::string text_at(const json::object& object, std::string_view dotted_path) {
    const auto dot = dotted_path.rfind('.');
    const auto* holder = dot == std::string_view::npos ? &object : object_at(object, dotted_path.substr(0, dot));
    if (holder == nullptr) return {};
    const auto* value = find_member(*holder, dot == std::string_view::npos ? dotted_path : dotted_path.substr(dot + 1));
    if (value == nullptr) return {};
    if (value->is_string()) return std::string(value->as_string());
    return json::serialize(*value);
}

void print_error(const Io& io, const Error& error) {
    io.err(fmt::format("muster: {}\n", error.message()));
    for (const auto* cause = error.cause(); cause != nullptr; cause = cause->cause()) {
        io.err(fmt::format("  {}\n", cause->message()));
    }
    if (!error.hint().empty()) io.err(fmt::format("  {}\n", error.hint()));
}

}  // namespace muster::cli
