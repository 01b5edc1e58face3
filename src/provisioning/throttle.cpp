#include "provisioning/throttle.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/text.h"

namespace muster::provisioning {
namespace {

using std::chrono::duration;
using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr double bucket_seconds = 10;
constexpr double smallest_bucket = 5;
// A measure that is older says nothing any more: the service recovers by itself.
constexpr auto lag_life = seconds(2);
constexpr double slowest_queue = 10;  // places a second, of the queue of those refused in overload
constexpr double bearable_in_session = 1.25;
constexpr double stretch_from = 0.25;
constexpr double longest_stretch = 15;
constexpr std::size_t most_groups = 10'000;

double capacity_of(double per_minute) {
    return std::max(smallest_bucket, per_minute * bucket_seconds / 60);
}

double missing_now(const TokenBucket& bucket, double per_minute, Monotonic::time_point now) {
    const double passed = duration<double>(now - bucket.filled).count();
    return std::max(0.0, static_cast<double>(bucket.missing) - passed * per_minute / 60);
}

Monotonic::duration of_seconds(double count) {
    return duration_cast<Monotonic::duration>(duration<double>(count));
}

// One step of a moving average over about the last sixteen.
std::int64_t averaged(std::int64_t average, std::int64_t sample) {
    return average == 0 ? sample : average + (sample - average) / 16;
}

// splitmix64's finisher: every bit of the input moves half of the output's.
std::uint64_t mixed(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

// "192.0.2.1:4711" and "[2001:db8::1]:4711" without the port.
std::string host_of(std::string_view address) {
    if (address.starts_with('[')) {
        const auto end = address.find(']');
        return std::string(address.substr(1, end == std::string_view::npos ? end : end - 1));
    }
    return std::string(address.substr(0, address.rfind(':')));
}

}  // namespace

std::string_view to_string(Limit limit) {
    switch (limit) {
        case Limit::service: return "service";
        case Limit::group: return "group";
        case Limit::address: return "address";
        case Limit::operations: return "operations";
        case Limit::overload: return "overload";
    }
    return "";
}

Throttle::Throttle(ThrottleSettings settings, Random& random)
    : settings_(settings),
      random_(random),
      secret_(random.below(UINT64_MAX)),
      addresses_(settings.address_registrations == 0 ? 0 : sets) {}

seconds Throttle::place_in_queue(Monotonic::time_point& queue_end, double per_second, Monotonic::time_point now) {
    const double wait = duration<double>(std::max(queue_end, now) - now).count() + 1 / per_second;
    const auto longest = static_cast<double>(longest_retry.count());
    if (wait >= longest) return longest_retry / 2 + seconds(random_.below(longest_retry.count() / 2 + 1));
    queue_end = now + of_seconds(wait);
    const auto spread = std::max<std::uint64_t>(1000, static_cast<std::uint64_t>(wait * 250));
    const double chosen = wait + static_cast<double>(random_.below(spread)) / 1000;
    return std::clamp(seconds(std::llround(chosen)), seconds(1), longest_retry);
}

std::optional<seconds> Throttle::take(TokenBucket& bucket, double per_minute, Monotonic::time_point now) {
    const double missing = missing_now(bucket, per_minute, now);
    bucket.filled = now;
    // Those who wait would have come for the tokens: a bucket that is full again has no queue any more.
    if (missing == 0) bucket.queue_end = now;
    if (missing + 1 <= capacity_of(per_minute)) {
        bucket.missing = static_cast<float>(missing + 1);
        return std::nullopt;
    }
    bucket.missing = static_cast<float>(missing);
    return place_in_queue(bucket.queue_end, per_minute / 60, now);
}

std::uint64_t Throttle::key_of(std::string_view address) const {
    std::array<std::uint64_t, 2> words{};
    const auto host = host_of(address);
    // The upper half of an IPv6 address is its network: one subscriber has all of the lower.
    if (in6_addr v6{}; ::inet_pton(AF_INET6, host.c_str(), &v6) == 1) {
        std::memcpy(words.data(), &v6, 8);
        words[1] = 6;
    } else if (in_addr v4{}; ::inet_pton(AF_INET, host.c_str(), &v4) == 1) {
        std::memcpy(words.data(), &v4, sizeof v4);
        words[1] = 4;
    }
    return std::max<std::uint64_t>(1, mixed(mixed(secret_ ^ words[0]) ^ words[1]));
}

// The address's bucket, in place of the fullest of its set when it has none: who is left out gains least by it.
TokenBucket& Throttle::bucket_of(std::uint64_t key, Monotonic::time_point now) {
    auto& set = addresses_[key % sets];
    const auto found = std::ranges::find(set, key, &AddressBucket::key);
    if (found != set.end()) return found->bucket;
    const auto emptiness = [&](const AddressBucket& entry) {
        return entry.key == 0 ? -1.0 : missing_now(entry.bucket, settings_.address_registrations, now);
    };
    auto& entry = *std::ranges::min_element(set, {}, emptiness);
    entry = {key, {}};
    return entry.bucket;
}

std::optional<seconds> Throttle::take_of_address(std::string_view address, Monotonic::time_point now) {
    if (settings_.address_registrations == 0) return std::nullopt;
    return take(bucket_of(key_of(address), now), settings_.address_registrations, now);
}

std::optional<Refusal> Throttle::shed(Monotonic::time_point now, double bearable) {
    if (load(now) < bearable) return std::nullopt;
    return Refusal{Limit::overload,
                   place_in_queue(shed_queue_end_, std::max(slowest_queue, completions_per_second(now)), now)};
}

std::optional<Refusal> Throttle::admit_registration(std::string_view address, Monotonic::time_point now,
                                                    bool in_session) {
    const bool limited = settings_.registrations != 0 || settings_.address_registrations != 0;
    const double bearable = in_session ? bearable_in_session : 1;
    if (!limited && load(now) < bearable) return std::nullopt;
    const std::lock_guard lock(mutex_);
    if (auto refusal = shed(now, bearable)) return refusal;
    if (const auto wait = take_of_address(address, now)) return Refusal{Limit::address, *wait};
    if (settings_.registrations == 0) return std::nullopt;
    if (const auto wait = take(service_, settings_.registrations, now)) return Refusal{Limit::service, *wait};
    return std::nullopt;
}

std::uint32_t Throttle::limit_of_group(std::string_view key) const {
    const auto own = settings_.groups.find(key);
    return own == settings_.groups.end() ? settings_.group_registrations : own->second;
}

std::optional<Refusal> Throttle::admit_group(const std::string& group_id, Monotonic::time_point now) {
    if (settings_.group_registrations == 0 && settings_.groups.empty()) return std::nullopt;
    auto key = to_lower(group_id);
    const auto limit = limit_of_group(key);
    if (limit == 0) return std::nullopt;
    const std::lock_guard lock(mutex_);
    // Groups come and go; a full bucket is as good as none.
    if (groups_.size() > most_groups)
        std::erase_if(groups_, [&](const auto& entry) {
            return missing_now(entry.second, limit_of_group(entry.first), now) == 0;
        });
    if (const auto wait = take(groups_[std::move(key)], limit, now)) return Refusal{Limit::group, *wait};
    return std::nullopt;
}

std::optional<Refusal> Throttle::admit_operation(Monotonic::time_point now) {
    if (settings_.operations == 0) return std::nullopt;
    const std::lock_guard lock(mutex_);
    if (const auto wait = take(operations_, settings_.operations, now)) return Refusal{Limit::operations, *wait};
    return std::nullopt;
}

double Throttle::load(Monotonic::time_point now) const {
    double most = 0;
    const auto flying = under_way_.load();
    if (settings_.under_way != 0) most = static_cast<double>(flying) / static_cast<double>(settings_.under_way);
    if (settings_.patience.count() == 0) return most;
    const auto patience = static_cast<double>(std::chrono::nanoseconds(settings_.patience).count());
    // Without a registration under way nothing is slow, whatever the last ones were.
    if (flying > 0) most = std::max(most, static_cast<double>(average_nanoseconds_.load()) / patience);
    const Monotonic::time_point noted{Monotonic::duration(lag_noted_.load())};
    if (now - noted < lag_life) most = std::max(most, static_cast<double>(lag_nanoseconds_.load()) / patience);
    return most;
}

seconds Throttle::next_poll(seconds usual, Monotonic::time_point now) {
    const double stretch = (std::min(1.0, load(now)) - stretch_from) / (1 - stretch_from);
    if (stretch <= 0) return usual;
    const double extra = stretch * longest_stretch * (0.75 + static_cast<double>(random_.below(500)) / 1000);
    return usual + seconds(std::llround(extra));
}

void Throttle::note_end(std::chrono::nanoseconds took, Monotonic::time_point now) {
    average_nanoseconds_ = averaged(average_nanoseconds_, took.count());
    ++completed_;
    const Monotonic::time_point counted_at{Monotonic::duration(counted_at_.load())};
    const auto passed = now - counted_at;
    if (passed < seconds(1)) return;
    auto expected = counted_at.time_since_epoch().count();
    if (!counted_at_.compare_exchange_strong(expected, now.time_since_epoch().count())) return;
    const auto done = completed_.load();
    rate_ = static_cast<double>(done - counted_.exchange(done)) / duration<double>(passed).count();
}

double Throttle::completions_per_second(Monotonic::time_point now) const {
    const Monotonic::time_point counted_at{Monotonic::duration(counted_at_.load())};
    // While nothing ends at all, the rate is the one of so long a time.
    const double passed = duration<double>(now - counted_at).count();
    return passed < 5 ? rate_.load() : static_cast<double>(completed_ - counted_) / passed;
}

void Throttle::note_lag(std::chrono::nanoseconds lag, Monotonic::time_point now) {
    lag_nanoseconds_ = averaged(lag_nanoseconds_, lag.count());
    lag_noted_ = now.time_since_epoch().count();
    lag_measured_ = false;
}

bool Throttle::wants_lag() {
    return settings_.patience.count() != 0 && !lag_measured_.exchange(true);
}

Throttle::Flight::Flight(Throttle& throttle) : throttle_(throttle), began_(Monotonic::now()) {
    ++throttle_.under_way_;
}

Throttle::Flight::~Flight() {
    const auto now = Monotonic::now();
    throttle_.note_end(now - began_, now);
    if (--throttle_.under_way_ == 0) throttle_.average_nanoseconds_ = 0;
}

}  // namespace muster::provisioning
