#include "edge/keyd/daemon.h"

#include "base/log.h"
#include "edge/keyd/routes.h"
#include "edge/keyd/settings.h"
#include "edge/service/daemon.h"
#include "edge/service/state_files.h"

namespace muster::edge::keyd {
namespace {

// Only the principals are read again: keys and their places change with a restart.
void reload(const Paths& paths, Keys& keys) {
    auto settings = Settings::load(paths);
    if (!settings) {
        log::error("the changed settings are not used", {{"error", settings.error().chain()}});
        return;
    }
    keys.set_principals(std::move(settings->principals));
}

}  // namespace

int run_daemon(const Paths& paths) {
    begin_daemon(Service::keyd);
    auto settings = Settings::load(paths);
    if (!settings) return daemon_failed(Service::keyd, settings.error());
    sweep_interrupted_writes(settings->home);
    SystemRandom random;
    Keys keys(KeyFiles(settings->home, settings->preloaded), std::move(settings->principals), random);
    if (auto started = keys.start(); !started) return daemon_failed(Service::keyd, started.error());

    net::Reactors reactors(1);
    net::Reactors worker(1);
    worker.start();
    const auto router = make_router(keys, worker.at(0), settings->limits);
    DaemonParts parts;
    parts.service = Service::keyd;
    parts.handler = [&router](const net::HttpRequest& request, const net::Peer& peer) {
        return router->handle(request, peer);
    };
    parts.reload = [&] { reload(paths, keys); };
    const int code = serve_daemon(paths, reactors, std::move(parts));
    reactors.stop();
    worker.stop();
    return code;
}

}  // namespace muster::edge::keyd
