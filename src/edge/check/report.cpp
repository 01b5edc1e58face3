#include "edge/check/report.h"

#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include <array>
#include <map>

#include "base/file.h"
#include "base/text.h"
#include "base/version.h"

namespace muster::edge::checks {
namespace {

using Kind = Outcome::Kind;

struct Shown {
    std::string_view mark;
    std::string_view word;  // of the text
    std::string_view name;  // of the JSON
};

Shown shown(Kind kind) {
    switch (kind) {
        case Kind::ok: return {"√", "OK", "ok"};
        case Kind::warning: return {"‼", "Warning", "warning"};
        case Kind::ignored: return {"√", "OK", "ignored"};
        case Kind::skipped: return {"‼", "Warning", "skipped"};
        case Kind::fatal: return {"×", "Error", "fatal"};
        case Kind::error: break;
    }
    return {"×", "Error", "error"};
}

bool has_place(const Found& found, bool verbose) {
    const auto kind = found.outcome.kind;
    return verbose || (kind != Kind::ignored && kind != Kind::skipped);
}

std::string os_value(const std::string& release, std::string_view name) {
    for (const auto line : split(release, '\n')) {
        if (!line.starts_with(name) || line.substr(name.size()).substr(0, 1) != "=") continue;
        auto value = line.substr(name.size() + 1);
        if (value.starts_with('"') && value.ends_with('"') && value.size() > 1)
            value = value.substr(1, value.size() - 2);
        return std::string(value);
    }
    return {};
}

json::object operating_system() {
    const auto release = read_file("/etc/os-release").value_or("");
    struct utsname machine{};
    (void)::uname(&machine);
    return {{"id", os_value(release, "ID")},
            {"version_id", os_value(release, "VERSION_ID")},
            {"arch", static_cast<const char*>(machine.machine)},
            {"bitness", static_cast<std::int64_t>(sizeof(void*) * 8)}};
}

json::object system_info() {
    struct sysinfo memory{};
    (void)::sysinfo(&memory);
    const auto bytes = [&](unsigned long count) { return static_cast<std::uint64_t>(count) * memory.mem_unit; };
    json::object info{{"used_ram", bytes(memory.totalram - memory.freeram)},
                      {"total_ram", bytes(memory.totalram)},
                      {"used_swap", bytes(memory.totalswap - memory.freeswap)},
                      {"total_swap", bytes(memory.totalswap)}};
    json::array disks;
    struct statvfs disk{};
    if (::statvfs("/var/lib", &disk) == 0)
        disks.push_back(json::object{{"name", "/var/lib"},
                                     {"available_space", static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize},
                                     {"total_space", static_cast<std::uint64_t>(disk.f_blocks) * disk.f_frsize}});
    info["disks"] = std::move(disks);
    return info;
}

json::object result_of(const Found& found) {
    json::object result{{"result", shown(found.outcome.kind).name}};
    if (!found.outcome.details.empty()) {
        json::array details;
        for (const auto& detail : found.outcome.details) details.emplace_back(detail);
        result["details"] = std::move(details);
    }
    return result;
}

}  // namespace

std::string heading(const std::string& section) {
    return fmt::format("{}\n{}\n", section, std::string(section.size(), '-'));
}

std::string text_of(const Found& found, bool verbose) {
    if (!has_place(found, verbose)) return {};
    const auto how = shown(found.outcome.kind);
    auto text = fmt::format("{} {} - {}\n", how.mark, found.description, how.word);
    if (found.outcome.kind == Kind::ok && !verbose) return text;
    for (const auto& detail : found.outcome.details)
        for (const auto line : split(detail, '\n')) text += fmt::format("    {}\n", line);
    return text;
}

std::string totals(const std::vector<Found>& all, bool verbose) {
    std::map<Kind, std::size_t> counted;
    for (const auto& found : all) ++counted[found.outcome.kind];
    const std::string_view more = verbose ? "" : " Re-run with --verbose for more details.";
    auto text = fmt::format("{} check(s) succeeded.\n", counted[Kind::ok]);
    if (const auto count = counted[Kind::warning]; count > 0)
        text += fmt::format("{} check(s) raised warnings.\n", count);
    if (const auto count = counted[Kind::error] + counted[Kind::fatal]; count > 0)
        text += fmt::format("{} check(s) raised errors.\n", count);
    if (const auto count = counted[Kind::skipped]; count > 0)
        text += fmt::format("{} check(s) were skipped due to errors from other checks.{}\n", count, more);
    if (const auto count = counted[Kind::ignored]; count > 0)
        text += fmt::format("{} check(s) do not apply to this device.{}\n", count, more);
    return text;
}

json::object check_line(const Found& found) {
    json::object line{
        {"kind", "check"}, {"id", found.id}, {"description", found.description}, {"result", result_of(found)}};
    line["additional_info"] = found.outcome.more;
    return line;
}

json::object additional_info(const Clock& clock) {
    return {{"aziot_edged_version", std::string(version())},
            {"now", format_utc_seconds(clock.now())},
            {"os", operating_system()},
            {"system_info", system_info()}};
}

json::object to_json(const std::vector<Found>& all, const Clock& clock) {
    json::object checks;
    for (const auto& found : all)
        checks[found.id] = json::object{{"result", result_of(found)}, {"additional_info", found.outcome.more}};
    return {{"additional_info", additional_info(clock)}, {"checks", std::move(checks)}};
}

bool is_failure(const Found& found, bool warnings_as_errors) {
    const auto kind = found.outcome.kind;
    return kind == Kind::error || kind == Kind::fatal || (warnings_as_errors && kind == Kind::warning);
}

}  // namespace muster::edge::checks
