// The other end of the supervisor's API.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "edge/common/paths.h"

namespace muster::edge::supervisor {

struct ServiceReport {
    std::string name;
    std::string state;  // running, failed, inactive, unconfigured
    std::string reason;
    std::vector<std::string> last_lines;
};

struct LogPage {
    std::uint64_t newest = 0;
    struct Line {
        TimePoint time;
        std::string service;
        std::string text;
    };
    std::vector<Line> lines;
};

class Client {
public:
    explicit Client(const Paths& paths) : socket_(paths.supervisor_socket()) {}

    // Errc::not_found when no supervisor runs; Errc::forbidden when this user may not ask it.
    Result<std::vector<ServiceReport>> status() const;
    Result<LogPage> logs(std::optional<std::size_t> lines, std::uint64_t after, std::optional<TimePoint> since,
                         std::chrono::milliseconds wait) const;
    Result<> restart() const { return command("/restart", {}); }
    Result<> stop() const { return command("/stop", {}); }
    Result<> reload() const { return command("/reload", {}); }
    Result<> set_log_level(const std::string& level) const;

private:
    Result<json::object> call(std::string method, std::string target, std::string body) const;
    Result<> command(std::string target, std::string body) const;
    std::filesystem::path socket_;
};

}  // namespace muster::edge::supervisor
