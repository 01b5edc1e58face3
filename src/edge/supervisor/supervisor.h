// Keeps the device's services running where there is no systemd: starts them, starts them again with growing pauses
// when they end, keeps their last lines.
#pragma once

#include <boost/asio/io_context.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/task.h"
#include "edge/common/paths.h"
#include "edge/config/access.h"
#include "edge/supervisor/log_book.h"
#include "edge/supervisor/notice.h"
#include "edge/supervisor/sockets.h"

namespace muster::edge::supervisor {

enum class State {
    inactive,      // stopped by the operator
    unconfigured,  // waits for `iotedge config apply`
    ready,         // waits for somebody who calls it
    running,
    failed,  // ended by itself; starts again after a pause
};

std::string_view to_string(State state);

struct Status {
    std::string name;  // "aziot-keyd"
    State state;
    pid_t pid;  // 0 when it does not run
    unsigned restarts;
    std::string reason;  // why it last ended by itself; empty when it never did
    std::vector<std::string> last_lines;
};

// Everything happens on one loop's thread; the methods are for that thread alone.
class Supervisor {
public:
    // Makes the directories and sockets. The error names what is in the way.
    static Result<std::unique_ptr<Supervisor>> create(const Paths& paths, boost::asio::io_context& loop);
    ~Supervisor();

    void start();
    std::vector<Status> status() const;
    const LogBook& logs() const { return logs_; }
    // Ends once a new line has come or the time is over.
    Task<> wait_for_line(std::uint64_t after, std::chrono::milliseconds patience);

    // One command at a time: Errc::conflict while another runs.
    enum class Command {
        stop,     // the last started first, each with ten seconds to end; they stay so
        restart,  // stops them, finishes an interrupted apply and starts them again
    };
    Task<Result<>> obey(Command command);

    // Stops them for the end of the supervisor, whatever else is going on. May be called from any thread; the task is
    // for the loop's.
    Task<> shut_down();
    // Starts what had no configuration before.
    void reload();
    // For the next start of each service, kept over restarts of the device.
    Result<> set_log_level(std::string level);

private:
    struct Managed;
    Supervisor(const Paths& paths, boost::asio::io_context& loop, std::string program);
    Result<> prepare();
    Result<> prepare(Managed& service);
    Task<> keep(Managed& service);
    Result<std::optional<Identity>> runs_as(const Managed& service) const;
    Task<> run_once(Managed& service);
    Task<> wait_for_caller(Managed& service);
    Task<> pump_output(Managed& service, int output);
    Task<> bring_down_all();
    void bring_up_all();
    Task<> bring_down(Managed& service);
    void take_line(Managed& service, std::string_view line);
    bool configured(const Managed& service) const;
    std::filesystem::path level_file() const;

    Paths paths_;
    boost::asio::io_context& loop_;
    std::string program_;
    std::string log_level_;
    LogBook logs_;
    std::vector<std::unique_ptr<Managed>> services_;
    Notice new_line_;
    bool busy_ = false;
    std::atomic<bool> closing_ = false;
};

}  // namespace muster::edge::supervisor
