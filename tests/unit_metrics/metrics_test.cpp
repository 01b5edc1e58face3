#include "metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace muster::metrics {
namespace {

using ::testing::HasSubstr;

TEST(Metrics, CountsRegistrationsByResultAndReason) {
    Metrics metrics;
    EXPECT_THAT(metrics.scrape(), HasSubstr(R"(muster_registrations_total{reason="",result="assigned"} 0)"));
    metrics.registration("assigned");
    metrics.registration("refused", "credential");
    EXPECT_THAT(metrics.scrape(), HasSubstr(R"(muster_registrations_total{reason="",result="assigned"} 1)"));
    EXPECT_THAT(metrics.scrape(), HasSubstr(R"(muster_registrations_total{reason="credential",result="refused"} 1)"));
}

TEST(Metrics, ReadsObservedValuesWhenAsked) {
    Metrics metrics;
    double value = 1;
    metrics.observe(Metrics::Kind::gauge, "muster_open", "How many", [&] { return value; });
    EXPECT_THAT(metrics.scrape(), HasSubstr("muster_open 1"));
    value = 7;
    EXPECT_THAT(metrics.scrape(), HasSubstr("# TYPE muster_open gauge"));
    EXPECT_THAT(metrics.scrape(), HasSubstr("muster_open 7"));
}

TEST(Metrics, CountsFromManyThreads) {
    Metrics metrics;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 1000; ++i)
                metrics.request("device", i % 2 == 0 ? 202 : 200, std::chrono::microseconds(i));
        });
    for (auto& thread : threads) thread.join();
    EXPECT_THAT(metrics.scrape(), HasSubstr(R"(muster_requests_total{front="device",status="202"} 2000)"));
    EXPECT_THAT(metrics.scrape(), HasSubstr(R"(muster_request_seconds_count{front="device"} 4000)"));
}

}  // namespace
}  // namespace muster::metrics
