#include "muster/journal_view.h"

#include <CLI/CLI.hpp>

#include "base/text.h"

namespace muster::cli {
namespace {

std::string value_text(const json::value& value) {
    if (value.is_string()) return std::string(value.as_string());
    if (!value.is_array()) return json::serialize(value);
    std::vector<std::string> parts;
    for (const auto& each : value.as_array()) parts.push_back(value_text(each));
    return join(parts, ",");
}

// What only machines ask for.
bool is_for_machines(std::string_view name) {
    return name == "etagBefore" || name == "etagAfter" || name == "sha256";
}

std::optional<std::chrono::seconds> span_of(std::string_view text) {
    if (text.size() < 2) return std::nullopt;
    const auto count = parse_integer<std::uint32_t>(text.substr(0, text.size() - 1));
    if (!count) return std::nullopt;
    switch (text.back()) {
        case 's': return std::chrono::seconds(*count);
        case 'm': return std::chrono::minutes(*count);
        case 'h': return std::chrono::hours(*count);
        case 'd': return std::chrono::days(*count);
        default: return std::nullopt;
    }
}

}  // namespace

std::string journal_detail(const json::object& entry) {
    const auto* detail = object_at(entry, "detail");
    if (detail == nullptr) return {};
    std::vector<std::string> parts;
    for (const auto& [name, value] : *detail) {
        const std::string_view key(name.data(), name.size());
        if (!is_for_machines(key)) parts.push_back(fmt::format("{}={}", key, value_text(value)));
    }
    return join(parts, " ");
}

Result<std::string> utc_of_moment(const std::string& text, TimePoint now) {
    if (const auto span = span_of(text)) return format_utc_seconds(now - *span);
    if (const auto time = parse_utc(text)) return format_utc_seconds(*time);
    if (const auto day = parse_utc(text + "T00:00:00Z")) return format_utc_seconds(*day);
    return fail(Error(Errc::invalid_argument, fmt::format("'{}' is no moment", printable(text)))
                    .with_hint("Write 2026-11-24T06:00:00Z, 2026-11-24, or how long ago: 90s, 15m, 3h, 2d."));
}

CLI::Option* add_types(CLI::App& verb, std::vector<std::string>& types, const char* description) {
    return verb.add_option("-t,--type", types, description)->delimiter(',')->type_name("TYPE,...");
}

CLI::Option* add_since(CLI::App& verb, std::string& since) {
    const auto check = [](const std::string& text) {
        const auto moment = utc_of_moment(text, TimePoint());
        return moment ? std::string() : moment.error().chain() + ". " + moment.error().hint();
    };
    return verb
        .add_option("--since", since, "from this moment on (2026-11-24T06:00:00Z), or so long ago (90s, 15m, 3h, 2d)")
        ->check(check, "", "")
        ->type_name("TIME");
}

}  // namespace muster::cli
