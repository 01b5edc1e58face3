// How many registrations are taken, and when those that are not come back (facts/dps.md 4.4, 5).
//
// Rates are limits that the operator sets: of the service, of each enrollment group, of each source address; none is
// set by default. They are token buckets that hold ten seconds' worth. Overload is what the service notices of itself:
// too many registrations under way, or waits that have become long. Both are asked before anything is computed for a
// device; status queries are never refused, so that what was begun comes to its end.
//
// When a device comes back: it gets the next place in a queue that moves at the limit's rate. The k-th device refused
// waits about k/rate seconds, plus up to a quarter of that by chance; the queue is at most 300 s long, which is what
// clients take (facts/dps.md 4.3), and whoever comes after its end gets a time between 150 and 300 s by chance. Those
// who do not come back are noticed: when the bucket has filled up, the queue begins anew.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/random.h"

namespace muster::provisioning {

using Monotonic = std::chrono::steady_clock;

inline constexpr std::chrono::seconds longest_retry{300};

struct ThrottleSettings {
    // A minute; 0 is off.
    std::uint32_t registrations = 0;
    std::uint32_t group_registrations = 0;                     // of each enrollment group
    std::map<std::string, std::uint32_t, std::less<>> groups;  // of those with a limit of their own, in lower case
    std::uint32_t address_registrations = 0;  // of each source address; an IPv6 network of 64 bits counts as one
    std::uint32_t operations = 0;             // calls of the service APIs
    // Overload; 0 is off.
    std::uint32_t under_way = 4096;            // registrations at once
    std::chrono::milliseconds patience{3000};  // what a registration, or its turn on a reactor, may take on average
};

// One bucket, as small as it can be: there is one for each source address.
struct TokenBucket {
    float missing = 0;                  // tokens short of full
    Monotonic::time_point filled{};     // when `missing` was true
    Monotonic::time_point queue_end{};  // the last place given to those that were refused
};

enum class Limit { service, group, address, operations, overload };
std::string_view to_string(Limit limit);

struct Refusal {
    Limit limit;
    std::chrono::seconds retry_after;  // 1 to 300
};

class Throttle {
public:
    Throttle(ThrottleSettings settings, Random& random);

    // Takes a token of the address and of the service. `address`: "192.0.2.1:4711", "[2001:db8::1]:4711".
    // `in_session`: in a session that was opened before, which is let through a little longer in overload.
    std::optional<Refusal> admit_registration(std::string_view address, Monotonic::time_point now = Monotonic::now(),
                                              bool in_session = false);
    std::optional<Refusal> admit_group(const std::string& group_id, Monotonic::time_point now = Monotonic::now());
    std::optional<Refusal> admit_operation(Monotonic::time_point now = Monotonic::now());

    // Overload. New sessions are refused first: what they would ask for costs most.
    bool refuses_sessions(Monotonic::time_point now = Monotonic::now()) const { return load(now) >= 1; }
    // 0: idle; 1: registrations are being refused.
    double load(Monotonic::time_point now = Monotonic::now()) const;
    // For the next poll of a device whose registration is under way: `usual` when there is room, up to 15 s more as the
    // load nears 1.
    std::chrono::seconds next_poll(std::chrono::seconds usual, Monotonic::time_point now = Monotonic::now());

    // A registration under way, from its admission to its answer.
    class Flight {
    public:
        explicit Flight(Throttle& throttle);
        ~Flight();
        Flight(const Flight&) = delete;
        Flight& operator=(const Flight&) = delete;

    private:
        Throttle& throttle_;
        Monotonic::time_point began_;
    };
    // How long a turn on a reactor took to come; see `wants_lag`.
    void note_lag(std::chrono::nanoseconds lag, Monotonic::time_point now = Monotonic::now());
    // True for one caller at a time, who measures and notes it.
    bool wants_lag();

    std::size_t under_way() const { return under_way_; }

private:
    static constexpr std::size_t ways = 4;
    static constexpr std::size_t sets = 16'384;  // with `ways`, 65,536 addresses at a time, in 2.5 MB

    struct AddressBucket {
        std::uint64_t key = 0;  // of the address, hashed with a secret; 0: free
        TokenBucket bucket;
    };
    using Set = std::array<AddressBucket, ways>;

    std::optional<std::chrono::seconds> take(TokenBucket& bucket, double per_minute, Monotonic::time_point now);
    std::chrono::seconds place_in_queue(Monotonic::time_point& queue_end, double per_second, Monotonic::time_point now);
    std::uint32_t limit_of_group(std::string_view key) const;
    std::optional<std::chrono::seconds> take_of_address(std::string_view address, Monotonic::time_point now);
    TokenBucket& bucket_of(std::uint64_t key, Monotonic::time_point now);
    std::uint64_t key_of(std::string_view address) const;
    void note_end(std::chrono::nanoseconds took, Monotonic::time_point now);
    double completions_per_second(Monotonic::time_point now) const;
    std::optional<Refusal> shed(Monotonic::time_point now, double bearable);

    const ThrottleSettings settings_;
    Random& random_;
    std::uint64_t secret_;

    std::mutex mutex_;  // of the buckets
    TokenBucket service_;
    TokenBucket operations_;
    Monotonic::time_point shed_queue_end_{};
    std::unordered_map<std::string, TokenBucket> groups_;
    std::vector<Set> addresses_;  // empty when off

    std::atomic<std::size_t> under_way_{0};
    std::atomic<std::int64_t> average_nanoseconds_{0};  // of the last registrations
    std::atomic<std::int64_t> lag_nanoseconds_{0};
    std::atomic<Monotonic::rep> lag_noted_{0};
    std::atomic<bool> lag_measured_ = false;  // somebody is at it
    std::atomic<std::uint64_t> completed_{0};
    std::atomic<std::uint64_t> counted_{0};  // of completed_, when the rate was last taken
    std::atomic<Monotonic::rep> counted_at_{0};
    std::atomic<double> rate_{0};
};

}  // namespace muster::provisioning
