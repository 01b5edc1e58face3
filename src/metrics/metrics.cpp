#include "metrics/metrics.h"

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <mutex>
#include <shared_mutex>
#include <tuple>
#include <vector>

namespace muster::metrics {
namespace {

// Seconds: from what memory answers to what a slow disk does.
const prometheus::Histogram::BucketBoundaries latency_buckets{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                              0.1,    0.25,  0.5,    1,     2.5,  5};

struct Observed {
    Metrics::Kind kind;
    std::string name;
    std::string help;
    std::function<double()> read;
};

prometheus::MetricFamily family_of(const Observed& observed) {
    prometheus::MetricFamily family;
    family.name = observed.name;
    family.help = observed.help;
    prometheus::ClientMetric metric;
    if (observed.kind == Metrics::Kind::total) {
        family.type = prometheus::MetricType::Counter;
        metric.counter.value = observed.read();
    } else {
        family.type = prometheus::MetricType::Gauge;
        metric.gauge.value = observed.read();
    }
    family.metric.push_back(std::move(metric));
    return family;
}

}  // namespace

struct Metrics::State {
    prometheus::Registry registry;
    prometheus::Family<prometheus::Counter>& registrations =
        prometheus::BuildCounter()
            .Name("muster_registrations_total")
            .Help("Registrations by result; reason says why one was refused")
            .Register(registry);
    prometheus::Family<prometheus::Counter>& throttled =
        prometheus::BuildCounter()
            .Name("muster_throttled_total")
            .Help("Requests answered with 429; limit says which one was reached")
            .Register(registry);
    prometheus::Family<prometheus::Counter>& requests = prometheus::BuildCounter()
                                                            .Name("muster_requests_total")
                                                            .Help("Requests answered, by front and HTTP status")
                                                            .Register(registry);
    prometheus::Family<prometheus::Histogram>& latency = prometheus::BuildHistogram()
                                                             .Name("muster_request_seconds")
                                                             .Help("From a request's last byte to its answer, by front")
                                                             .Register(registry);

    // The library looks a metric up by its labels as text, under a lock; what the hot path needs is remembered here.
    std::shared_mutex mutex;
    std::map<std::tuple<std::string, int>, prometheus::Counter*> request_counters;
    std::map<std::string, prometheus::Histogram*, std::less<>> latency_histograms;
    std::vector<Observed> observed;

    prometheus::Counter& request_counter(std::string_view front, int status) {
        const std::tuple key{std::string(front), status};
        {
            const std::shared_lock lock(mutex);
            if (const auto found = request_counters.find(key); found != request_counters.end()) return *found->second;
        }
        const std::unique_lock lock(mutex);
        auto& counter = requests.Add({{"front", std::get<0>(key)}, {"status", fmt::format("{}", status)}});
        request_counters[key] = &counter;
        return counter;
    }

    prometheus::Histogram& latency_histogram(std::string_view front) {
        {
            const std::shared_lock lock(mutex);
            if (const auto found = latency_histograms.find(front); found != latency_histograms.end())
                return *found->second;
        }
        const std::unique_lock lock(mutex);
        auto& histogram = latency.Add({{"front", std::string(front)}}, latency_buckets);
        latency_histograms[std::string(front)] = &histogram;
        return histogram;
    }
};

Metrics::Metrics() : state_(std::make_unique<State>()) {
    // Present from the start, so that a rate over the first one is right.
    for (const auto* result : {"assigned", "failed", "disabled"})
        state_->registrations.Add({{"result", result}, {"reason", ""}});
    for (const auto* reason : {"request", "credential", "enrollment"})
        state_->registrations.Add({{"result", "refused"}, {"reason", reason}});
    for (const auto* limit : {"service", "group", "address", "operations", "overload"})
        state_->throttled.Add({{"limit", limit}});
}

Metrics::~Metrics() = default;

void Metrics::registration(std::string_view result, std::string_view reason) {
    state_->registrations.Add({{"result", std::string(result)}, {"reason", std::string(reason)}}).Increment();
}

void Metrics::throttled(std::string_view limit) {
    state_->throttled.Add({{"limit", std::string(limit)}}).Increment();
}

void Metrics::request(std::string_view front, int status, std::chrono::nanoseconds took) {
    state_->request_counter(front, status).Increment();
    state_->latency_histogram(front).Observe(std::chrono::duration<double>(took).count());
}

void Metrics::observe(Kind kind, std::string name, std::string help, std::function<double()> read) {
    const std::unique_lock lock(state_->mutex);
    state_->observed.push_back({kind, std::move(name), std::move(help), std::move(read)});
}

std::string Metrics::scrape() const {
    auto families = state_->registry.Collect();
    {
        const std::shared_lock lock(state_->mutex);
        for (const auto& observed : state_->observed) families.push_back(family_of(observed));
    }
    return prometheus::TextSerializer().Serialize(families);
}

}  // namespace muster::metrics
