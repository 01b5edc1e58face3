#include "edge/keyd/daemon.h"

#include <cstdlib>
#include <optional>

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

Keys make_keys(Settings& settings, Random& random, TokenKeys*& tokens) {
    std::unique_ptr<TokenKeys> in_tokens;
    if (settings.uses_tokens()) in_tokens = std::make_unique<TokenKeys>(std::move(settings.tokens), settings.home);
    tokens = in_tokens.get();
    KeyStore store(KeyFiles(settings.home, settings.preloaded), std::move(in_tokens), random);
    return Keys(std::move(store), std::move(settings.principals), random);
}

}  // namespace

int run_daemon(const Paths& paths) {
    begin_daemon(Service::keyd);
    auto settings = Settings::load(paths);
    if (!settings) return daemon_failed(Service::keyd, settings.error());
    sweep_interrupted_writes(settings->home);
    SystemRandom random;
    TokenKeys* tokens = nullptr;
    auto keys = make_keys(*settings, random, tokens);
    if (auto started = keys.start(); !started) return daemon_failed(Service::keyd, started.error());

    net::Reactors reactors(1);
    net::Reactors worker(1);
    worker.start();
    std::optional<TokenThreads> token_threads;
    if (tokens != nullptr) {
        token_threads.emplace(settings->token_patience);
        for (const auto& id : tokens->known_ids())
            token_threads->start(tokens->token_name(id), [tokens, id] { tokens->report(id); });
    }
    const Places places{worker.at(0), token_threads ? &*token_threads : nullptr};
    const auto router = make_router(keys, places, settings->limits);
    DaemonParts parts;
    parts.service = Service::keyd;
    parts.handler = [&router](const net::HttpRequest& request, const net::Peer& peer) {
        return router->handle(request, peer);
    };
    parts.reload = [&] { reload(paths, keys); };
    const int code = serve_daemon(paths, reactors, std::move(parts));
    reactors.stop();
    if (token_threads && !token_threads->idle()) {
        log::warn("the token's library does not come back; keyd ends without it");
        log::flush();
        std::_Exit(code);
    }
    worker.stop();
    return code;
}

}  // namespace muster::edge::keyd
