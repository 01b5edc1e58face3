// The log: one line per event on standard error, each with the names and values that tie it to others.
//
// Three formats. `human` for a terminal: time, level, text, key=value. `json` for collectors: one object a line with
// "time", "level", "event" and the fields. `syslog` for the device daemons under journald, as the original writes it:
// "<6>2026-01-01T00:00:00Z [INFO] - text key=value", written at once by whoever says it. The other two are written on a
// thread of their own behind a bounded queue: a stuck reader of the log never stops a request; what did not fit is
// counted and said. Secrets have no business here: log ids and reasons, never keys, tokens or bodies.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace muster::log {

enum class Level { trace, debug, info, warn, error };
enum class Format { human, json, syslog };

std::optional<Level> parse_level(std::string_view name);    // error, warn, info, debug, trace
std::optional<Format> parse_format(std::string_view name);  // text, json, syslog

// Call once before the first event; without it events go to standard error, human, from `info` on.
void start(Level level, Format format);
void set_level(Level level);
bool enabled(Level level);
// Writes what is queued; for the end of main.
void flush();

// One name and value of an event.
struct Field {
    std::string_view name;
    std::string value;

    Field(std::string_view field_name, std::string_view text) : name(field_name), value(text) {}
    Field(std::string_view field_name, const std::string& text) : name(field_name), value(text) {}
    Field(std::string_view field_name, std::string&& text) : name(field_name), value(std::move(text)) {}
    Field(std::string_view field_name, const char* text) : name(field_name), value(text) {}
    template <class T>
        requires std::is_arithmetic_v<T>
    Field(std::string_view field_name, T number) : name(field_name), value(fmt::format("{}", number)) {}
};

void write(Level level, std::string_view event, std::initializer_list<Field> fields);

// log::info("device registered", {{"registrationId", rid}, {"trackingId", tracking}});
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::error, event, fields);
}
inline void warn(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::warn, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::info, event, fields);
}
inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
    if (enabled(Level::debug)) write(Level::debug, event, fields);
}

}  // namespace muster::log
