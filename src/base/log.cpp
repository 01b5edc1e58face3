#include "base/log.h"

#include <unistd.h>

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <boost/json.hpp>

#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>

#include "base/clock.h"
#include "base/text.h"

namespace muster::log {
namespace {

std::atomic<Level> current_level{Level::info};
std::atomic<Format> current_format{Format::human};
std::shared_ptr<spdlog::logger> logger;

constexpr std::size_t queue_lines = 8192;

std::string_view level_name(Level level) {
    switch (level) {
        case Level::trace: return "trace";
        case Level::debug: return "debug";
        case Level::info: return "info";
        case Level::warn: return "warn";
        case Level::error: return "error";
    }
    return "info";
}

// The four-letter names and syslog priorities of the original's daemons.
std::string_view syslog_prefix(Level level) {
    switch (level) {
        case Level::trace: return "<7>{} [TRCE] - ";
        case Level::debug: return "<7>{} [DBUG] - ";
        case Level::info: return "<6>{} [INFO] - ";
        case Level::warn: return "<4>{} [WARN] - ";
        case Level::error: return "<3>{} [ERR!] - ";
    }
    return "<6>{} [INFO] - ";
}

bool needs_quotes(std::string_view value) {
    return value.empty() || value.find_first_of(" \"=\t") != std::string_view::npos;
}

void append_fields(std::string& line, std::initializer_list<Field> fields) {
    for (const auto& field : fields) {
        const auto value = printable(field.value, 2000);
        line += ' ';
        line += field.name;
        line += '=';
        if (needs_quotes(value)) {
            line += boost::json::serialize(boost::json::string(value));
        } else {
            line += value;
        }
    }
}

std::string json_line(Level level, std::string_view event, std::initializer_list<Field> fields, TimePoint now) {
    boost::json::object object;
    object["time"] = format_utc(now);
    object["level"] = level_name(level);
    object["event"] = as_utf8(event);
    for (const auto& field : fields) object[field.name] = as_utf8(field.value);
    return boost::json::serialize(object);
}

std::string text_line(Level level, std::string_view event, std::initializer_list<Field> fields, TimePoint now) {
    std::string line = current_format == Format::syslog
                           ? fmt::format(fmt::runtime(syslog_prefix(level)), format_utc_seconds(now))
                           : fmt::format("{} {:<5} ", format_utc_seconds(now), level_name(level));
    line += printable(event, 4000);
    append_fields(line, fields);
    return line;
}

// A device's daemons say little, and a thread that waits for what they say would wake them now and then (the library's
// does, every ten seconds): they write it themselves, a line at a time.
void write_at_once(std::string line) {
    static std::mutex one_line;
    line += '\n';
    const std::lock_guard lock(one_line);
    for (std::string_view rest = line; !rest.empty();) {
        const auto count = ::write(STDERR_FILENO, rest.data(), rest.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return;  // nobody reads it: nobody to tell
        rest.remove_prefix(static_cast<std::size_t>(count));
    }
}

}  // namespace

std::optional<Level> parse_level(std::string_view name) {
    for (const auto level : {Level::trace, Level::debug, Level::info, Level::warn, Level::error})
        if (equals_ignore_case(name, level_name(level))) return level;
    return std::nullopt;
}

std::optional<Format> parse_format(std::string_view name) {
    if (name == "text") return Format::human;
    if (name == "json") return Format::json;
    if (name == "syslog") return Format::syslog;
    return std::nullopt;
}

void start(Level level, Format format) {
    current_level = level;
    current_format = format;
    if (format == Format::syslog) return;
    spdlog::init_thread_pool(queue_lines, 1);
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    logger = std::make_shared<spdlog::async_logger>("muster", sink, spdlog::thread_pool(),
                                                    spdlog::async_overflow_policy::overrun_oldest);
    logger->set_pattern("%v");
    // Standard error is not buffered: nothing to flush, and no timer that would wake an idle machine for it.
    spdlog::register_logger(logger);
}

void set_level(Level level) {
    current_level = level;
}

bool enabled(Level level) {
    return level >= current_level.load(std::memory_order_relaxed);
}

void flush() {
    if (!logger) return;
    const auto lost = spdlog::thread_pool() ? spdlog::thread_pool()->overrun_counter() : 0;
    logger.reset();
    // Ends the queue's thread after it has written everything.
    spdlog::shutdown();
    if (lost > 0) fmt::print(stderr, "{} log lines were dropped: the reader of the log was too slow\n", lost);
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
    if (!enabled(level)) return;
    const auto now = SystemClock().now();
    auto line =
        current_format == Format::json ? json_line(level, event, fields, now) : text_line(level, event, fields, now);
    if (current_format == Format::syslog) return write_at_once(std::move(line));
    if (logger) {
        logger->log(level >= Level::warn ? spdlog::level::warn : spdlog::level::info, "{}", line);
    } else {
        fmt::print(stderr, "{}\n", line);
    }
}

}  // namespace muster::log
