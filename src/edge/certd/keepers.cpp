#include "edge/certd/keepers.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "base/log.h"
#include "edge/renewal/keep.h"
#include "edge/service/daemon.h"

namespace muster::edge::certd {

struct Keepers::Kept {
    std::unique_ptr<WallTimer> timer;
    Pairs pairs;
};

namespace {

// The EST certificates of the settings that may be renewed: those that a bootstrap certificate stands behind.
std::vector<renewal::PairIds> est_identities(const Settings& settings) {
    std::vector<renewal::PairIds> found;
    const auto note = [&](const EstAuth& auth) {
        if (!auth.identity || !auth.bootstrap || settings.preloaded.contains(auth.identity->certificate)) return;
        if (std::ranges::find(found, *auth.identity) == found.end()) found.push_back(*auth.identity);
    };
    note(settings.est.auth);
    for (const auto& [id, issuance] : settings.issuance) note(issuance.auth);
    return found;
}

bool makes_local_ca(const Settings& settings) {
    return settings.local_ca && !settings.preloaded.contains(settings.local_ca->certificate) &&
           settings.issuance_of(settings.local_ca->certificate) != nullptr;
}

}  // namespace

Keepers::Keepers(CurrentSource current, keyd::Client keys, EstIssuer& est, LocalCa& local_ca, EdgeCa& edge_ca,
                 const Clock& clock, Random& random, boost::asio::io_context& loop)
    : current_(std::move(current)),
      keys_(std::move(keys)),
      est_(est),
      local_ca_(local_ca),
      edge_ca_(edge_ca),
      clock_(clock),
      random_(random),
      loop_(loop) {}

void Keepers::look() {
    boost::asio::post(loop_, [this] { look_here(); });
}

void Keepers::look_here() {
    const auto now = current_();
    for (const auto& ids : est_identities(now->settings)) start(ids, est_.ways_to_renew(current_, ids), true);
    if (makes_local_ca(now->settings))
        start(*now->settings.local_ca, local_ca_.ways_to_renew(current_, *now->settings.local_ca), false);
    if (const auto ids = EdgeCa::renewed_by(now->settings)) start(*ids, edge_ca_.ways_to_renew(current_), false);
    for (const auto& [ids, kept] : kept_) kept->timer->wake();
}

std::optional<renewal::Policy> Keepers::policy_of(const renewal::PairIds& ids) const {
    const auto now = current_();
    const auto& settings = now->settings;
    for (const auto& known : est_identities(settings))
        if (known == ids) return settings.est.identity_auto_renew;
    const bool is_local_ca = makes_local_ca(settings) && *settings.local_ca == ids;
    if (is_local_ca || EdgeCa::renewed_by(settings) == ids) return settings.issuance_of(ids.certificate)->auto_renew;
    return std::nullopt;
}

void Keepers::start(const renewal::PairIds& ids, renewal::Ways ways, bool by_est) {
    const std::pair of(ids.certificate, ids.key);
    if (kept_.contains(of)) return;
    auto timer = WallTimer::create(loop_.get_executor());
    if (!timer) {
        log::error("the certificate will not be renewed",
                   {{"certId", ids.certificate}, {"error", timer.error().chain()}});
        return;
    }
    auto kept = std::make_shared<Kept>(Kept{std::move(*timer), Pairs(current_()->files, keys_)});
    kept_[of] = kept;
    renewal::Surroundings around{clock_,
                                 [] { return std::chrono::steady_clock::now(); },
                                 random_,
                                 [kept](Micros time) -> Task<> {
                                     release_memory();
                                     co_await kept->timer->wait(time);
                                 },
                                 [this, ids] { return policy_of(ids); },
                                 {},
                                 {}};
    if (by_est) around.wish = [this, ids] { return est_.take_wish(ids.certificate); };
    boost::asio::co_spawn(loop_, renewal::keep(kept->pairs, ids, std::move(ways), std::move(around)),
                          boost::asio::detached);
}

}  // namespace muster::edge::certd
