#include "provisioning/allocation.h"

#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include <array>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "pki/key.h"
#include "provisioning/errors.h"

namespace muster::provisioning {
namespace {

namespace ip = boost::asio::ip;

using Candidates = std::vector<const LinkedHub*>;

constexpr std::int64_t equally_near_us = 5'000;
constexpr std::int64_t unknown_latency = std::numeric_limits<std::int64_t>::max();
// How much the newest round trip counts among the last ones. What makes one slow is seldom the way: the first has a
// handshake in it, others a busy hub. So a faster one counts more.
constexpr std::int64_t of_a_slower = 8;
constexpr std::int64_t of_a_faster = 2;

std::unexpected<Error> no_hub(std::string message, std::string hint) {
    return fail(Error(Errc::not_found, std::move(message)).with_hint(std::move(hint)).with_number(code::no_hub));
}

// Uniform in (0, 1), the same for the same pair.
double draw(std::string_view hub, std::string_view registration_id) {
    const auto digest = pki::sha256(as_bytes(fmt::format("{}\n{}", to_lower(hub), to_lower(registration_id))));
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < sizeof bits; ++i) bits = bits << 8 | digest[i];
    return (static_cast<double>(bits >> 11) + 0.5) / static_cast<double>(std::uint64_t{1} << 53);
}

const LinkedHub* hashed(const Candidates& candidates, std::string_view registration_id) {
    if (candidates.size() == 1) return candidates.front();
    const LinkedHub* chosen = nullptr;
    double highest = 0;
    for (const auto* hub : candidates) {
        const double score = -static_cast<double>(hub->weight) / std::log(draw(hub->name, registration_id));
        if (chosen == nullptr || score > highest) chosen = hub;
        highest = std::max(highest, score);
    }
    return chosen;
}

// The address in "10.0.0.1:5", "[::1]:5" or either without its port.
std::optional<ip::address> address_of(std::string_view peer) {
    if (peer.starts_with('[')) {
        peer = peer.substr(1, peer.find(']') - 1);
    } else if (std::ranges::count(peer, ':') == 1) {
        peer = peer.substr(0, peer.find(':'));
    }
    boost::system::error_code broken;
    auto address = ip::make_address(std::string(peer), broken);
    if (broken) return std::nullopt;
    if (address.is_v6() && address.to_v6().is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, address.to_v6());
    return address;
}

std::int64_t latency_us(const LinkedHub& hub, const std::optional<ip::address>& device) {
    const HubLatency* longest = nullptr;
    for (const auto& rule : hub.latencies) {
        const bool covers = rule.covers_all() || (device && rule.covers(*device));
        if (covers && (longest == nullptr || rule.prefix_length > longest->prefix_length)) longest = &rule;
    }
    if (longest != nullptr) return longest->milliseconds * 1000;
    if (hub.own()) return 0;
    const auto measured = hub.state->latency();
    return measured ? measured->count() : unknown_latency;
}

const LinkedHub* nearest(const Candidates& candidates, const Applicant& applicant) {
    const auto device = address_of(applicant.peer);
    std::vector<std::int64_t> latencies;
    for (const auto* hub : candidates) latencies.push_back(latency_us(*hub, device));
    const auto lowest = std::ranges::min(latencies);
    Candidates near;
    for (std::size_t i = 0; i < candidates.size(); ++i)
        if (latencies[i] - lowest <= equally_near_us) near.push_back(candidates[i]);
    for (const auto* hub : near)
        if (equals_ignore_case(hub->name, applicant.current_hub)) return hub;
    return hashed(near, applicant.registration_id);
}

}  // namespace

Result<AllocationPolicy> parse_allocation_policy(std::string_view text) {
    for (const auto policy :
         {AllocationPolicy::hashed, AllocationPolicy::geo_latency, AllocationPolicy::fixed, AllocationPolicy::custom})
        if (equals_ignore_case(text, to_string(policy))) return policy;
    return fail(bad_body(
        fmt::format("\"allocationPolicy\" must be hashed, geoLatency, static or custom, not '{}'", printable(text))));
}

std::string_view to_string(AllocationPolicy policy) {
    constexpr std::array<std::string_view, 4> names{"hashed", "geoLatency", "static", "custom"};
    return names[static_cast<std::size_t>(policy)];
}

Result<HubLatency> HubLatency::parse(std::string_view network, std::int64_t milliseconds) {
    constexpr std::int64_t longest = 60'000;
    if (milliseconds < 0 || milliseconds > longest)
        return fail(bad_body(fmt::format("a latency has 0 to {} milliseconds, not {}", longest, milliseconds)));
    if (network == "*") return HubLatency{ip::address_v4(), 0, milliseconds};
    boost::system::error_code broken;
    const std::string text(network);
    if (const auto v4 = ip::make_network_v4(text, broken); !broken)
        return HubLatency{v4.network(), v4.prefix_length(), milliseconds};
    if (const auto v6 = ip::make_network_v6(text, broken); !broken)
        return HubLatency{v6.network(), v6.prefix_length(), milliseconds};
    return fail(bad_body(fmt::format("'{}' is no network: write \"10.1.0.0/16\", \"fd00::/8\" or \"*\" for all devices",
                                     printable(network))));
}

bool HubLatency::covers(const ip::address& address) const {
    if (address.is_v4() != network.is_v4()) return false;
    // A network covers an address when it is the address's own network at that length.
    if (address.is_v4()) return ip::make_network_v4(address.to_v4(), prefix_length).network() == network.to_v4();
    return ip::make_network_v6(address.to_v6(), prefix_length).network() == network.to_v6();
}

std::string HubLatency::network_text() const {
    return covers_all() ? "*" : fmt::format("{}/{}", network.to_string(), prefix_length);
}

std::optional<std::chrono::microseconds> HubState::latency() const {
    const auto value = latency_us_.load();
    if (value < 0) return std::nullopt;
    return std::chrono::microseconds(value);
}

void HubState::measured(std::chrono::microseconds round_trip) {
    const auto before = latency_us_.load();
    const auto change = round_trip.count() - before;
    latency_us_ = before < 0 ? round_trip.count() : before + change / (change < 0 ? of_a_faster : of_a_slower);
}

HubState::Health HubState::health() const {
    const std::lock_guard lock(mutex_);
    return health_;
}

bool HubState::works(TimePoint now) {
    const std::lock_guard lock(mutex_);
    if (health_.problem.empty() && health_.since != TimePoint()) return false;
    health_ = {now, {}};
    return true;
}

bool HubState::fails(std::string problem, TimePoint now) {
    const std::lock_guard lock(mutex_);
    if (health_.problem == problem) return false;
    health_ = {now, std::move(problem)};
    return true;
}

const LinkedHub* HubList::find(std::string_view name) const {
    const auto found =
        std::ranges::find_if(hubs_, [&](const LinkedHub& hub) { return equals_ignore_case(hub.name, name); });
    return found == hubs_.end() ? nullptr : &*found;
}

Candidates HubList::candidates(const std::vector<std::string>& named) const {
    Candidates found;
    for (const auto& hub : hubs_) {
        const bool is_named =
            std::ranges::any_of(named, [&](const auto& n) { return equals_ignore_case(n, hub.name); });
        if (named.empty() ? hub.allocates : is_named) found.push_back(&hub);
    }
    return found;
}

Result<const LinkedHub*> allocate(const HubList& hubs, AllocationPolicy policy, const std::vector<std::string>& named,
                                  const Applicant& applicant) {
    const auto candidates = hubs.candidates(named);
    if (policy == AllocationPolicy::fixed && named.size() != 1)
        return no_hub("the allocation policy is static and the enrollment names no hub",
                      "name one in \"iotHubs\" of the enrollment");
    if (candidates.empty())
        return named.empty() ? no_hub("no linked hub takes part in allocation",
                                      "muster hub list; muster hub update NAME --apply-allocation-policy true")
                             : no_hub(fmt::format("none of the enrollment's hubs is linked: {}", join(named, ", ")),
                                      "link one with `muster hub link`, or change \"iotHubs\" of the enrollment");
    if (policy == AllocationPolicy::geo_latency) return nearest(candidates, applicant);
    return hashed(candidates, applicant.registration_id);
}

}  // namespace muster::provisioning
