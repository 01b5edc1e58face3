#include "edge/identityd/hub_watch.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/log.h"
#include "edge/service/daemon.h"

namespace muster::edge::identityd {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::hours until_called{24 * 365};

}  // namespace

// Half of it to one and a half: the devices of a fleet that were started together do not look together.
std::chrono::milliseconds HubWatch::pause() const {
    const auto doublings = std::min(failures_ == 0 ? 0U : failures_ - 1, 20U);
    auto full = std::min<std::int64_t>(pace_.first.count() << doublings, pace_.longest.count());
    if (failures_ == 0) full = pace_.between_looks.count();
    return std::chrono::milliseconds(full / 2 +
                                     static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(full) + 1)));
}

// DPS may give another hub, or the same device there anew.
Task<> HubWatch::find_hub_again() {
    const auto& settings = provisioner_.settings();
    if (settings.source != Source::dps) co_return;
    const auto before = provisioner_.identity();
    if (!co_await provisioner_.reprovision() || provisioner_.identity() == before) co_return;
    failures_ = silences_ = 0;
    asio::co_spawn(co_await asio::this_coro::executor, modules_.reconcile(settings.callers.module_names()),
                   asio::detached);
}

Task<> HubWatch::look() {
    const auto known = co_await modules_.known_to_hub();
    // 429 or 5xx: the hub is there and has troubles of its own, which a registration would add to.
    const bool silent = !known && known.error().number() == 0;
    silences_ = silent ? silences_ + 1 : 0;
    failures_ = known && *known ? 0 : failures_ + 1;
    if (!known)
        log::warn("the hub cannot be asked whether it knows this device", {{"error", line_of(known.error())}});
    else if (!*known)
        log::error("the hub does not know this device or refuses it", {{"hub", provisioner_.identity()->hub}});
    const bool refused = known && !*known;
    if (refused || silences_ >= pace_.patience) co_await find_hub_again();
}

Task<> HubWatch::rest() {
    const bool until_refused = provisioner_.settings().reprovisioning != Reprovisioning::dynamic;
    // Whoever is refused call after call shall not make this device register as often.
    if (failures_ > 0)
        co_await wait_for(pause());
    else
        co_await suspicion_.wait(until_refused ? until_called : pause());
}

Task<> HubWatch::run(bool look_at_once) {
    if (look_at_once)
        co_await suspicion_.wait(
            std::chrono::milliseconds(random_.below(static_cast<std::uint64_t>(pace_.spread.count()) + 1)));
    else
        co_await rest();
    for (;;) {
        if (provisioner_.identity()) co_await look();
        release_memory();
        co_await rest();
    }
}

}  // namespace muster::edge::identityd
