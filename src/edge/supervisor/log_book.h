// The last lines of every service, in memory for `iotedge system logs` and `status`, and in files that rotate.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace muster::edge::supervisor {

struct LogLine {
    std::uint64_t number = 0;  // grows by one over all services
    TimePoint time;
    std::string service;  // "aziot-keyd"
    std::string text;
};

// One service's file, /var/log/aziot/<name>.log: begun anew at 1 MiB, the one before kept as .1.
class LogFile {
public:
    explicit LogFile(std::filesystem::path path) : path_(std::move(path)) {}
    LogFile(const LogFile&) = delete;
    LogFile& operator=(const LogFile&) = delete;
    ~LogFile();
    // A disk that is full loses lines here; the memory still has them.
    void write(const LogLine& line);

private:
    void open();
    void rotate();
    std::filesystem::path path_;
    int fd_ = -1;
    std::size_t size_ = 0;
};

class LogBook {
public:
    static constexpr std::size_t lines_per_service = 1000;
    static constexpr std::size_t bytes_per_line = 8192;

    LogBook(const std::filesystem::path& directory, std::vector<std::string> services);

    void add(std::string_view service, std::string_view text, TimePoint now);
    // The last `most` lines with a number above `after` and not before `since`, oldest first.
    std::vector<LogLine> lines(std::size_t most, std::uint64_t after, std::optional<TimePoint> since) const;
    std::vector<std::string> last(std::string_view service, std::size_t most) const;
    std::uint64_t newest() const { return next_ - 1; }

private:
    struct Pages {
        std::string service;
        std::deque<LogLine> lines;
        std::unique_ptr<LogFile> file;
    };
    Pages* find(std::string_view service);
    std::vector<Pages> pages_;
    std::uint64_t next_ = 1;
};

// "<6>2026-01-01T00:00:00Z [INFO] - text" without the priority, which is journald's; fit for one line.
std::string_view without_priority(std::string_view line);

}  // namespace muster::edge::supervisor
