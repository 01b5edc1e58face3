#include "edge/supervisor/run.h"

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include <cstdlib>

#include "base/file.h"
#include "base/version.h"
#include "edge/config/apply.h"
#include "edge/service/watch.h"
#include "edge/supervisor/api.h"
#include "edge/supervisor/supervisor.h"
#include "net/reactor.h"

namespace muster::edge::supervisor {
namespace {

int failed(const Error& error) {
    fmt::print(stderr, "aziotd: {}\n", error.chain());
    if (!error.hint().empty()) fmt::print(stderr, "    {}\n", error.hint());
    return EXIT_FAILURE;
}

Result<> may_run(const Paths& paths) {
    if (paths.rooted() || ::geteuid() == 0) return {};
    return fail(Error(Errc::forbidden, "the services run as users of their own, which only root can start")
                    .with_hint("sudo aziotd run, or set MUSTER_DEVICE_ROOT to a directory of yours"));
}

Result<FileLock> take_device(const Paths& paths) {
    MUSTER_CHECK(make_directories(paths.under("/run/aziot"), 0755));
    auto lock = FileLock::acquire(paths.under("/run/aziot/supervisor.lock"));
    if (!lock) return fail(lock.error().wrap("the services of this device are supervised already"));
    return lock;
}

void say_recovered(Recovery recovered) {
    if (recovered == Recovery::finished)
        fmt::print(stderr, "aziotd: finished writing the configuration of an interrupted `iotedge config apply`\n");
    if (recovered == Recovery::undone)
        fmt::print(stderr, "aziotd: removed what an interrupted `iotedge config apply` had begun\n");
}

// Runs a task on the loop and waits for its end here.
void finish(boost::asio::io_context& loop, Task<> task) {
    boost::asio::co_spawn(loop, std::move(task), boost::asio::use_future).get();
}

Result<> supervise(const Paths& paths) {
    MUSTER_CHECK(may_run(paths));
    block_signals();
    MUSTER_TRY(const auto lock, take_device(paths));
    MUSTER_TRY(const auto recovered, recover_interrupted_apply(paths));
    say_recovered(recovered);
    MUSTER_TRY(auto watch, Watch::create({}));

    net::Reactors reactors(1);
    auto& loop = reactors.at(0);
    MUSTER_TRY(const auto supervisor, Supervisor::create(paths, loop));
    net::HttpLimits limits;
    limits.connections = 32;
    net::HttpServer server(reactors, make_handler(*supervisor), limits);
    // Commands over this socket stop services: for the supervisor's own user alone.
    MUSTER_CHECK(server.listen_unix(paths.supervisor_socket(), 0600));
    boost::asio::post(loop, [&] { supervisor->start(); });
    reactors.start();
    fmt::print(stderr, "aziotd {}: supervising aziot-keyd, aziot-certd and aziot-identityd; commands at {}\n",
               version(), paths.supervisor_socket().string());
    while (watch.wait() == Watch::Event::reload) boost::asio::post(loop, [&] { supervisor->reload(); });
    (void)std::fputs("aziotd: stopping\n", stderr);  // who read it may be gone
    finish(loop, supervisor->shut_down());
    server.drain(std::chrono::seconds(1));
    reactors.stop();
    return remove_file(paths.supervisor_socket());
}

}  // namespace

int run(const Paths& paths) {
    const auto result = supervise(paths);
    return result ? EXIT_SUCCESS : failed(result.error());
}

}  // namespace muster::edge::supervisor
