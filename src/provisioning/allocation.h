// Which hub a device goes to (facts/dps.md 3.1). No I/O: the hubs as they are known in memory, and a device.
#pragma once

#include <boost/asio/ip/address.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"

namespace muster::provisioning {

enum class AllocationPolicy { hashed, geo_latency, fixed, custom };

// "hashed", "geoLatency", "static", "custom", without regard to case. Errc::invalid_argument.
Result<AllocationPolicy> parse_allocation_policy(std::string_view text);
std::string_view to_string(AllocationPolicy policy);

// How far a hub is from the devices of a network, by the word of the operator.
struct HubLatency {
    boost::asio::ip::address network;  // its first address
    unsigned short prefix_length = 0;
    std::int64_t milliseconds = 0;

    // "10.1.0.0/16", "fd00::/8"; "*" for every device. Errc::invalid_argument.
    static Result<HubLatency> parse(std::string_view network, std::int64_t milliseconds);
    bool covers(const boost::asio::ip::address& address) const;
    bool covers_all() const { return network.is_unspecified() && prefix_length == 0; }
    std::string network_text() const;
};

// What is known of a hub at the moment. Written by whoever talks to it, read by everyone.
class HubState {
public:
    // A round trip to it and back, smoothed over the last ones; nothing before the first.
    std::optional<std::chrono::microseconds> latency() const;
    void measured(std::chrono::microseconds round_trip);
    // How many assignments wait for it.
    std::atomic<std::int64_t> waiting{0};

    struct Health {
        TimePoint since{};    // of the last change; the epoch before it was tried
        std::string problem;  // empty while it answers
    };
    Health health() const;
    // Whether that is news.
    bool works(TimePoint now);
    bool fails(std::string problem, TimePoint now);

private:
    std::atomic<std::int64_t> latency_us_{-1};
    mutable std::mutex mutex_;
    Health health_;
};

// How a hub is reached that is not this musterd's own.
struct HubAccess {
    std::string address;  // "host:port"
    std::string policy;
    Secret key;
    std::string certificates;  // PEM trusted besides the operating system's store; empty for none
};

struct LinkedHub {
    std::string name;  // the host name that devices are told
    std::string etag;
    std::string location;
    std::int64_t weight = 1;  // 1 to 1000
    bool allocates = true;    // takes part when an enrollment names no hubs
    std::vector<HubLatency> latencies;
    std::shared_ptr<const HubAccess> access;  // nothing for the own hub
    std::shared_ptr<HubState> state;

    bool own() const { return access == nullptr; }
};

// One state of all hubs; immutable. The own hub is the first.
class HubList {
public:
    // `version`: of what the store has of them (store/topic_versions.h).
    HubList(std::vector<LinkedHub> hubs, AllocationPolicy default_policy, std::int64_t version = 0)
        : hubs_(std::move(hubs)), default_policy_(default_policy), version_(version) {}

    const std::vector<LinkedHub>& all() const { return hubs_; }
    const LinkedHub& own() const { return hubs_.front(); }
    const LinkedHub* find(std::string_view name) const;  // without regard to case
    // For enrollments that name none.
    AllocationPolicy default_policy() const { return default_policy_; }
    std::int64_t version() const { return version_; }

    // The linked ones of those named, or all that take part when none is named.
    std::vector<const LinkedHub*> candidates(const std::vector<std::string>& named) const;

private:
    std::vector<LinkedHub> hubs_;
    AllocationPolicy default_policy_;
    std::int64_t version_;
};

struct Applicant {
    std::string_view registration_id;
    std::string_view peer;         // "address:port"
    std::string_view current_hub;  // where it is now; empty for nowhere
};

// `policy` is not custom. Errc::not_found (400208) when there is no hub to choose, or for `fixed` not exactly one.
//
// hashed: rendezvous hashing over hub name and registration id, weighted. The same device goes to the same hub for as
// long as hubs and weights stay; a hub that comes, goes or changes its weight moves only devices to it or from it.
// geoLatency: the operator's latencies for the device's address (the longest matching network), else what was measured
// from here. Hubs within 5 ms of the nearest count as equally near: a device stays at its hub when that is one of them,
// else they are hashed. A hub nobody knows the latency of is taken only when that is so of all.
Result<const LinkedHub*> allocate(const HubList& hubs, AllocationPolicy policy, const std::vector<std::string>& named,
                                  const Applicant& applicant);

}  // namespace muster::provisioning
