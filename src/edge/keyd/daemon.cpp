#include "edge/keyd/daemon.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <thread>
#include <vector>

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

// One loop, several threads: a token takes its time for each key, and one that hangs holds up its own callers alone.
class Users {
public:
    static constexpr unsigned threads = 4;
    Users() {
        for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { loop_.run(); });
    }
    ~Users() {
        loop_.stop();
        for (auto& thread : threads_) thread.join();
    }
    Users(const Users&) = delete;
    Users& operator=(const Users&) = delete;
    boost::asio::io_context& loop() { return loop_; }

private:
    boost::asio::io_context loop_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> open_{loop_.get_executor()};
    std::vector<std::thread> threads_;
};

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
    std::optional<Users> users;
    if (tokens != nullptr) {
        users.emplace();
        boost::asio::post(users->loop(), [tokens] { tokens->report(); });
    }
    const Loops loops{worker.at(0), users ? users->loop() : worker.at(0)};
    const auto router = make_router(keys, loops, settings->limits);
    DaemonParts parts;
    parts.service = Service::keyd;
    parts.handler = [&router](const net::HttpRequest& request, const net::Peer& peer) {
        return router->handle(request, peer);
    };
    parts.reload = [&] { reload(paths, keys); };
    const int code = serve_daemon(paths, reactors, std::move(parts));
    reactors.stop();
    users.reset();
    worker.stop();
    return code;
}

}  // namespace muster::edge::keyd
