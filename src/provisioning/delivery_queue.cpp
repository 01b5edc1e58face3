#include "provisioning/delivery_queue.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace muster::provisioning {
namespace {

constexpr std::size_t max_kept = 16;

}  // namespace

std::chrono::milliseconds backoff(std::int64_t failures, std::chrono::milliseconds first,
                                  std::chrono::milliseconds longest, Random& random) {
    constexpr std::int64_t doublings = 20;
    const auto wait = std::min(first * (std::int64_t{1} << std::min(failures, doublings)), longest);
    return wait + std::chrono::milliseconds(random.below(static_cast<std::uint64_t>(wait.count() / 2 + 1)));
}

Task<> DeliveryQueue::wait(std::chrono::milliseconds at_most) {
    if (rung_) co_return;
    bell_.expires_after(at_most);
    co_await bell_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
}

void DeliveryQueue::ring() {
    rung_ = true;
    bell_.cancel();
}

void DeliveryQueue::hold(Random& random, std::chrono::milliseconds first, std::chrono::milliseconds longest) {
    if (held()) return;  // several calls failed for the same reason
    held_until_ = Steady::now() + backoff(failures_++, first, longest, random);
}

void DeliveryQueue::release() {
    failures_ = 0;
    held_until_ = {};
}

std::chrono::milliseconds DeliveryQueue::held_for() const {
    return std::chrono::ceil<std::chrono::milliseconds>(held_until_ - Steady::now());
}

void DeliveryQueue::leave_to_others(const std::string& key, std::chrono::milliseconds pause) {
    others_[key] = Steady::now() + pause;
}

std::size_t DeliveryQueue::left_to_others() {
    std::erase_if(others_, [now = Steady::now()](const auto& entry) { return entry.second <= now; });
    return others_.size();
}

bool DeliveryQueue::looks_around() {
    const auto now = Steady::now();
    if (now - looked_ < std::chrono::seconds(1)) return false;
    looked_ = now;
    return true;
}

Result<std::unique_ptr<HubClient>> DeliveryQueue::take_client(Outside& outside, const LinkedHub& hub) {
    if (linked_as_ != hub.etag) kept_.clear();
    linked_as_ = hub.etag;
    if (kept_.empty()) return outside.connect(hub);
    auto client = std::move(kept_.back());
    kept_.pop_back();
    return client;
}

void DeliveryQueue::give_back(std::unique_ptr<HubClient> client, const LinkedHub& hub) {
    if (linked_as_ == hub.etag && kept_.size() < max_kept) kept_.push_back(std::move(client));
}

}  // namespace muster::provisioning
