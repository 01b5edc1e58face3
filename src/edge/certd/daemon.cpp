#include "edge/certd/daemon.h"

#include <cstdlib>

#include "base/log.h"
#include "edge/certd/routes.h"
#include "edge/service/daemon.h"
#include "edge/service/state_files.h"

namespace muster::edge::certd {
namespace {

void reload(const Paths& paths, Certificates& certificates) {
    auto settings = Settings::load(paths);
    if (!settings) {
        log::error("the changed settings are not used", {{"error", settings.error().chain()}});
        return;
    }
    certificates.set_settings(std::move(*settings));
}

}  // namespace

int run_daemon(const Paths& paths) {
    begin_daemon(Service::certd);
    auto settings = Settings::load(paths);
    if (!settings) return daemon_failed(Service::certd, settings.error());
    sweep_interrupted_writes(settings->home);
    const auto limits = settings->limits;
    const SystemClock clock;
    SystemRandom random;

    net::Reactors reactors(1);
    net::Reactors worker(1);
    net::Reactors issuing(1);
    Certificates certificates(std::move(*settings), keyd::Client(paths.socket(Service::keyd)), clock, random,
                              issuing.at(0));
    worker.start();
    issuing.start();
    const auto router = make_router(certificates, {worker.at(0), issuing.at(0)}, limits);
    DaemonParts parts;
    parts.service = Service::certd;
    parts.handler = [&router](const net::HttpRequest& request, const net::Peer& peer) {
        return router->handle(request, peer);
    };
    parts.started = [&] { certificates.start(); };
    parts.reload = [&] { reload(paths, certificates); };
    const int code = serve_daemon(paths, reactors, std::move(parts));
    end_daemon(code, [&] {
        issuing.stop();
        reactors.stop();
        worker.stop();
    });
}

}  // namespace muster::edge::certd
