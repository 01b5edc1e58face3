// One queue of the outbox while it is worked on: its connections, its pause after a failure, and its bell.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/task.h"
#include "provisioning/outside.h"

namespace muster::provisioning {

// 1, 2, 4, ... times `first` up to `longest`, and up to a half more by chance.
std::chrono::milliseconds backoff(std::int64_t failures, std::chrono::milliseconds first,
                                  std::chrono::milliseconds longest, Random& random);

// For one thread.
class DeliveryQueue {
public:
    using Steady = std::chrono::steady_clock;

    DeliveryQueue(std::string name, const boost::asio::any_io_executor& executor)
        : name_(std::move(name)), bell_(executor) {}

    const std::string& name() const { return name_; }
    std::size_t running = 0;
    bool pumping = false;

    // Returns when the bell rings, or rang since the last listen, or `at_most` has passed.
    Task<> wait(std::chrono::milliseconds at_most);
    void listen() { rung_ = false; }
    bool rung() const { return rung_; }
    void ring();

    // The peer takes no calls: nothing is begun for a while.
    void hold(Random& random, std::chrono::milliseconds first, std::chrono::milliseconds longest);
    void release();
    bool failing() const { return failures_ > 0; }  // since it last took a call
    bool held() const { return Steady::now() < held_until_; }
    std::chrono::milliseconds held_for() const;
    // Another musterd works on this entry: it is looked at again after `pause`.
    void leave_to_others(const std::string& key, std::chrono::milliseconds pause);
    bool is_left_to_others(const std::string& key) const { return others_.contains(key); }
    // How many are left so now.
    std::size_t left_to_others();
    // That it is time to count who waits: once a second at most, however often the bell rings.
    bool looks_around();

    // A connection to the hub as it is linked now: a kept one or a new one.
    Result<std::unique_ptr<HubClient>> take_client(Outside& outside, const LinkedHub& hub);
    void give_back(std::unique_ptr<HubClient> client, const LinkedHub& hub);

private:
    std::string name_;
    boost::asio::steady_timer bell_;
    bool rung_ = false;
    std::int64_t failures_ = 0;
    Steady::time_point held_until_{};
    Steady::time_point looked_{};
    std::map<std::string, Steady::time_point> others_;  // until when, by key
    std::string linked_as_;                             // the etag that the kept connections are of
    std::vector<std::unique_ptr<HubClient>> kept_;
};

}  // namespace muster::provisioning
