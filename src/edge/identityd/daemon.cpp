#include "edge/identityd/daemon.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <cstdlib>

#include "base/log.h"
#include "edge/identityd/hub_watch.h"
#include "edge/identityd/identity_certificate.h"
#include "edge/identityd/routes.h"
#include "edge/service/daemon.h"

namespace muster::edge::identityd {
namespace {

namespace asio = boost::asio;

// The modules of a stored identity do not wait for DPS.
Task<> provision_and_reconcile(Provisioner& provisioner, Modules& modules, HubWatch& watch, IdentityKeeper& keeper) {
    const auto executor = co_await asio::this_coro::executor;
    const auto names = provisioner.settings().callers.module_names();
    if (provisioner.identity()) asio::co_spawn(executor, modules.reconcile(names), asio::detached);
    const bool registered = co_await provisioner.run();
    keeper.look();
    if (!provisioner.identity()) co_return;
    asio::co_spawn(executor, watch.run(!registered), asio::detached);
    co_await modules.reconcile(names);
    release_memory();
}

// Settings and principals are read again and the modules brought into line; the device is not provisioned again.
void reload(const Paths& paths, Api& api, Provisioner& provisioner, Modules& modules, IdentityKeeper& keeper,
            asio::io_context& cloud) {
    auto settings = Settings::load(paths);
    if (!settings) {
        log::error("the changed settings are not used", {{"error", settings.error().chain()}});
        return;
    }
    api.set_settings(*settings);
    asio::post(cloud, [&provisioner, &modules, &keeper, &cloud, fresh = std::move(*settings)]() mutable {
        auto names = fresh.callers.module_names();
        provisioner.set_settings(std::move(fresh));
        keeper.look();
        if (provisioner.identity()) asio::co_spawn(cloud, modules.reconcile(std::move(names)), asio::detached);
    });
}

}  // namespace

int run_daemon(const Paths& paths) {
    begin_daemon(Service::identityd);
    auto settings = Settings::load(paths);
    if (!settings) return daemon_failed(Service::identityd, settings.error());
    const auto state = State::open(settings->home);
    if (!state) return daemon_failed(Service::identityd, state.error());

    const Neighbours neighbours{keyd::Client(paths.socket(Service::keyd)), certd::Client(paths.socket(Service::certd)),
                                tpmd::Client(paths.socket(Service::tpmd))};
    SystemRandom random;
    Provisioner provisioner(*state, neighbours, *settings, random, {});
    Modules modules(*state, provisioner, neighbours);
    HubWatch watch(provisioner, modules, random, {});
    modules.on_refusal([&watch] { watch.suspect(); });
    net::Reactors reactors(1);
    net::Reactors cloud(1);
    const auto keeper = IdentityKeeper::create(provisioner, neighbours, random, cloud.at(0), [&] {
        asio::co_spawn(cloud.at(0), modules.reconcile(provisioner.settings().callers.module_names()), asio::detached);
    });
    if (!keeper) return daemon_failed(Service::identityd, keeper.error());
    Api api(*settings, neighbours, provisioner, modules, cloud.at(0));
    const auto router = api.make_router(settings->limits);
    cloud.start();

    DaemonParts parts;
    parts.service = Service::identityd;
    parts.handler = [&router](const net::HttpRequest& request, const net::Peer& peer) {
        return router->handle(request, peer);
    };
    parts.started = [&] {
        asio::co_spawn(cloud.at(0), provision_and_reconcile(provisioner, modules, watch, **keeper), asio::detached);
        asio::co_spawn(cloud.at(0), (*keeper)->run(), asio::detached);
    };
    parts.reload = [&] { reload(paths, api, provisioner, modules, **keeper, cloud.at(0)); };
    const int code = serve_daemon(paths, reactors, std::move(parts));
    end_daemon(code, [&] {
        cloud.stop();
        reactors.stop();
    });
}

}  // namespace muster::edge::identityd
