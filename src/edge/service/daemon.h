// What every device daemon does around its API: log, socket, signals, reload, clean end.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>
#include <type_traits>

#include "base/error.h"
#include "base/task.h"
#include "edge/common/paths.h"
#include "net/http_server.h"
#include "net/reactor.h"

namespace muster::edge {

// Runs a blocking piece of work on `loop`'s thread and comes back to the caller's. The result type must be
// default-constructible (Asio's need).
template <class Work>
Task<std::invoke_result_t<Work&>> run_on(boost::asio::io_context& loop, Work work) {
    using Value = std::invoke_result_t<Work&>;
    co_return co_await boost::asio::co_spawn(
        loop, [work = std::move(work)]() mutable -> Task<Value> { co_return work(); }, boost::asio::use_awaitable);
}

// Runs a task on `loop`'s thread and comes back to the caller's with its result.
template <class Value>
Task<Value> continue_on(boost::asio::io_context& loop, Task<Value> task) {
    co_return co_await boost::asio::co_spawn(loop, std::move(task), boost::asio::use_awaitable);
}

// First thing of a daemon: blocks the signals, starts the log (level from AZIOT_LOG, syslog lines as journald takes
// them), and keeps the heap small.
void begin_daemon(Service service);

// Gives the system back what a piece of work has left in the heap; for after start-up and after handshakes.
void release_memory();

struct DaemonParts {
    Service service;
    net::HttpHandler handler;
    std::function<void()> started;  // the socket listens; may be empty
    std::function<void()> reload;   // SIGHUP or changed settings; called on the main thread
};

// Serves until SIGTERM or SIGINT and returns the exit code. The socket is systemd's (LISTEN_FDS) or made here, 0660.
int serve_daemon(const Paths& paths, net::Reactors& reactors, DaemonParts parts);

// Has `stop_loops` end the loops of a daemon that has served, and then the process, without the destructors: those of a
// loop would wait for a name server that does not answer. Two seconds are the most it takes: a loop may be inside a
// call that nothing ends, for a key whose daemon or token does not answer. What is on the disk is whole at every
// instant.
[[noreturn]] void end_daemon(int code, const std::function<void()>& stop_loops);

// What mends it: the first hint along the chain of causes; empty when none has one.
std::string hint_of(const Error& error);
// The chain of causes with that hint, on one line: for logs.
std::string line_of(const Error& error);
// Logs the error with its hint, flushes the log and gives the exit code of a daemon that cannot start.
int daemon_failed(Service service, const Error& error);

}  // namespace muster::edge
