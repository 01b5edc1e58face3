#include "edge/tpmd/daemon.h"

#include <cstdlib>

#include "base/log.h"
#include "edge/service/daemon.h"
#include "edge/tpmd/routes.h"

namespace muster::edge::tpmd {

int run_daemon(const Paths& paths) {
    begin_daemon(Service::tpmd);
    // The library's own lines would stand in the log without level or time; what they say comes with the errors.
    ::setenv("TSS2_LOG", "all+NONE", 0);
    auto settings = Settings::load(paths);
    if (!settings) return daemon_failed(Service::tpmd, settings.error());
    const auto limits = settings->limits;
    const Tpm tpm(std::move(*settings));
    net::Reactors reactors(1);
    net::Reactors worker(1);
    worker.start();
    const auto router = make_router(tpm, worker.at(0), limits);
    DaemonParts parts;
    parts.service = Service::tpmd;
    parts.handler = [&router](const net::HttpRequest& request, const net::Peer& peer) {
        return router->handle(request, peer);
    };
    parts.reload = [] { log::info("the way to the TPM changes with a restart: iotedge system restart"); };
    const int code = serve_daemon(paths, reactors, std::move(parts));
    end_daemon(code, [&] {
        reactors.stop();
        worker.stop();
    });
}

}  // namespace muster::edge::tpmd
