#include "edge/certd/daemon.h"

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
    Certificates certificates(std::move(*settings), keyd::Client(paths.socket(Service::keyd)), clock, random);

    net::Reactors reactors(1);
    net::Reactors worker(1);
    worker.start();
    const auto router = make_router(certificates, worker.at(0), limits);
    DaemonParts parts;
    parts.service = Service::certd;
    parts.handler = [&router](const net::HttpRequest& request, const net::Peer& peer) {
        return router->handle(request, peer);
    };
    parts.reload = [&] { reload(paths, certificates); };
    const int code = serve_daemon(paths, reactors, std::move(parts));
    reactors.stop();
    worker.stop();
    return code;
}

}  // namespace muster::edge::certd
