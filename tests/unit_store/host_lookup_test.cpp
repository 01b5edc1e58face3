#include "store/host_lookup.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

namespace muster::store {
namespace {

using std::chrono::milliseconds;

// A name server that does not answer until it is told to. Shared, as threads of the lookup may outlive a test.
struct SlowServer {
    std::latch may_answer{1};
    std::atomic<int> asked{0};
};

HostLookup slow_lookup(const std::shared_ptr<SlowServer>& server) {
    return HostLookup([server](const std::string&) -> HostLookup::Addresses {
        ++server->asked;
        server->may_answer.wait();
        return std::vector<std::string>{"192.0.2.1"};
    });
}

TEST(HostLookup, ASystemsOwnNameHasItsAddress) {
    const StopSignal never;
    const auto found = HostLookup::system().find("localhost", std::chrono::seconds(20), never);
    ASSERT_TRUE(found) << found.error().chain();
    EXPECT_TRUE(found->front() == "127.0.0.1" || found->front() == "::1") << found->front();
}

TEST(HostLookup, WhatIsNotKnownIsSaidWithWhatMendsIt) {
    const StopSignal never;
    HostLookup lookup(
        [](const std::string&) -> HostLookup::Addresses { return fail(Errc::unavailable, "no such name"); });
    const auto found = lookup.find("db.example", std::chrono::seconds(20), never);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code(), Errc::unavailable);
    EXPECT_NE(found.error().message().find("db.example"), std::string::npos);
    EXPECT_NE(found.error().message().find("no such name"), std::string::npos);
    EXPECT_NE(found.error().hint().find("hostaddr"), std::string::npos);
    HostLookup empty([](const std::string&) -> HostLookup::Addresses { return std::vector<std::string>(); });
    EXPECT_FALSE(empty.find("db.example", std::chrono::seconds(20), never));
}

TEST(HostLookup, ANameServerThatDoesNotAnswerHoldsNobodyUpAndIsAskedOnce) {
    const StopSignal never;
    const auto server = std::make_shared<SlowServer>();
    auto lookup = slow_lookup(server);
    for (int i = 0; i < 3; ++i) {
        const auto found = lookup.find("db.example", milliseconds(20), never);
        ASSERT_FALSE(found);
        EXPECT_EQ(found.error().code(), Errc::unavailable);
        EXPECT_NE(found.error().message().find("20 ms"), std::string::npos) << found.error().chain();
    }
    EXPECT_LE(server->asked, 1);
    server->may_answer.count_down();
    const auto found = lookup.find("db.example", std::chrono::seconds(20), never);
    ASSERT_TRUE(found) << found.error().chain();
    EXPECT_EQ(*found, std::vector<std::string>{"192.0.2.1"});
}

TEST(HostLookup, WhoClosesWaitsForNoNameServer) {
    StopSignal closing;
    const auto server = std::make_shared<SlowServer>();
    auto lookup = slow_lookup(server);
    closing.raise();
    EXPECT_FALSE(lookup.find("db.example", std::chrono::hours(1), closing));
    server->may_answer.count_down();
}

}  // namespace
}  // namespace muster::store
