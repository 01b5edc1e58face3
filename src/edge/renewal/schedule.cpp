#include "edge/renewal/schedule.h"

namespace muster::edge::renewal {
namespace {

constexpr Micros longest_pause_after_end = std::chrono::hours(1);
constexpr Micros longest_start_jitter = std::chrono::minutes(10);
constexpr Micros shortest_longest_wish = std::chrono::minutes(1);

}  // namespace

Micros Schedule::up_to(Micros most) const {
    return Micros(static_cast<std::int64_t>(
        random_.below(static_cast<std::uint64_t>(std::max<Micros>(most, Micros(0)).count()) + 1)));
}

// An issuer that may ask for any time could ask for the certificate's end.
Micros Schedule::longest_wish(TimePoint wall) const {
    if (wall >= life_.not_after) return longest_pause_after_end;
    return std::max((life_.not_after - wall) / 4, shortest_longest_wish);
}

void Schedule::watch(const Lifetime& life, TimePoint wall, Steady now) {
    life_ = life;
    not_earlier_.reset();
    const auto begin = due(policy_, life);
    jitter_ = up_to(std::min(retry_pause(policy_, life), (life.not_after - begin) / 4));
    if (wall < begin + jitter_) return;
    const auto left = std::max<Micros>(life.not_after - wall, Micros(0));
    not_earlier_ = now + up_to(std::min({retry_pause(policy_, life), left / 4, longest_start_jitter}));
}

void Schedule::renewed(const Lifetime& life, TimePoint wall, Steady now) {
    watch(life, wall, now);
    not_earlier_ = now + retry_pause(policy_, life);
}

void Schedule::failed(TimePoint wall, Steady now, std::optional<std::chrono::seconds> wish) {
    auto pause = retry_pause(policy_, life_);
    pause += up_to(pause / 4);
    if (wall >= life_.not_after) pause = std::min(pause, longest_pause_after_end);
    if (wish) pause = std::max(pause, std::min<Micros>(*wish, longest_wish(wall)));
    not_earlier_ = now + pause;
}

Micros Schedule::wait(TimePoint wall, Steady now) const {
    auto left = due(policy_, life_) + jitter_ - wall;
    if (not_earlier_) left = std::max(left, std::chrono::ceil<Micros>(*not_earlier_ - now));
    return std::max(left, Micros(0));
}

}  // namespace muster::edge::renewal
