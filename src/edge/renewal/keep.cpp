#include "edge/renewal/keep.h"

#include "base/log.h"

namespace muster::edge::renewal {
namespace {

constexpr Micros long_enough = std::chrono::days(30);  // someone wakes it when there is something new
constexpr Micros pause_without_certificate = std::chrono::hours(1);
constexpr Micros pause_without_answer = std::chrono::minutes(1);  // when the pair cannot be looked at

// A defect of ours is an error like others: the next attempt must come.
Task<Result<pki::CertificateChain>> contained(Task<Result<pki::CertificateChain>> work) {
    try {
        co_return co_await std::move(work);
    } catch (const std::exception& defect) {
        co_return fail(Errc::internal, "unexpected: {}", defect.what());
    }
}

std::string in_seconds(Micros time) {
    return fmt::format("{}", std::chrono::ceil<std::chrono::seconds>(time).count());
}

void say_failed(const PairIds& ids, const Error& error, Micros pause) {
    log::error("the certificate could not be renewed; the old one serves on",
               {{"certId", ids.certificate}, {"error", error.chain()}, {"nextTryInSeconds", in_seconds(pause)}});
}

// One look and what follows from it; how long to wait afterwards.
class Keeper {
public:
    Keeper(PairStore& store, PairIds ids, Ways ways, Surroundings around)
        : store_(store), ids_(std::move(ids)), ways_(std::move(ways)), around_(std::move(around)) {}

    Task<Micros> look() {
        const auto policy = around_.policy();
        if (!policy) co_return long_enough;
        auto found = co_await settled();
        if (!found) {
            log::warn("the certificate cannot be looked at",
                      {{"certId", ids_.certificate}, {"error", found.error().chain()}});
            co_return pause_without_answer;
        }
        if (!*found) co_return pause_without_certificate;
        follow(*policy, Lifetime::of((*found)->front()));
        if (const auto left = schedule_->wait(around_.wall.now(), around_.steady()); left > Micros(0)) co_return left;
        co_await attempt();
        co_return schedule_->wait(around_.wall.now(), around_.steady());
    }

private:
    Task<Result<std::optional<pki::CertificateChain>>> settled() {
        try {
            co_return co_await settle(store_, ids_);
        } catch (const std::exception& defect) {
            co_return fail(Errc::internal, "unexpected: {}", defect.what());
        }
    }

    // Someone else may have put another certificate in its place.
    void follow(const Policy& policy, const Lifetime& life) {
        const bool same = schedule_ && life.not_before == life_.not_before && life.not_after == life_.not_after &&
                          policy == schedule_->policy();
        if (same) return;
        if (!schedule_ || policy != schedule_->policy()) schedule_.emplace(policy, around_.random);
        schedule_->watch(life, around_.wall.now(), around_.steady());
        life_ = life;
        log::info("the certificate will be renewed", {{"certId", ids_.certificate},
                                                      {"notAfter", format_utc_seconds(life.not_after)},
                                                      {"due", format_utc_seconds(due(policy, life))}});
    }

    Task<> attempt() {
        log::info("renewing the certificate", {{"certId", ids_.certificate}});
        const auto renewed =
            co_await contained(renew(store_, ids_, schedule_->policy().rotate_key, ways_, around_.wall));
        if (!renewed) {
            const auto wish = around_.wish ? around_.wish() : std::nullopt;
            schedule_->failed(around_.wall.now(), around_.steady(), wish);
            say_failed(ids_, renewed.error(), schedule_->wait(around_.wall.now(), around_.steady()));
            co_return;
        }
        life_ = Lifetime::of(renewed->front());
        schedule_->renewed(life_, around_.wall.now(), around_.steady());
        log::info("the certificate is renewed", {{"certId", ids_.certificate},
                                                 {"subject", renewed->front().subject()},
                                                 {"notAfter", format_utc_seconds(life_.not_after)}});
        if (around_.renewed) around_.renewed();
    }

    PairStore& store_;
    PairIds ids_;
    Ways ways_;
    Surroundings around_;
    std::optional<Schedule> schedule_;
    Lifetime life_{};
};

}  // namespace

Task<> keep(PairStore& store, PairIds ids, Ways ways, Surroundings around) {
    const auto wait = around.wait;
    Keeper keeper(store, std::move(ids), std::move(ways), std::move(around));
    for (;;) {
        const auto pause = co_await keeper.look();
        co_await wait(pause);
    }
}

}  // namespace muster::edge::renewal
