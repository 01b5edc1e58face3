#include "endpoints/monitoring.h"

#include <atomic>
#include <memory>

#include "base/log.h"

namespace muster::endpoints {
namespace {

net::HttpResponse text_answer(int status, std::string body, std::string_view type = "text/plain; charset=utf-8") {
    net::HttpResponse response;
    response.status = status;
    response.headers.add("Content-Type", std::string(type));
    response.body = std::move(body);
    return response;
}

// A load balancer asks every other second: the log has when the answer changes.
Task<net::HttpResponse> readiness(const Readiness& ready, std::shared_ptr<std::atomic<bool>> was_ready) {
    const auto result = co_await ready();
    const bool before = was_ready->exchange(result.has_value());
    if (result && !before) log::info("ready again");
    if (result) co_return text_answer(200, "ready\n");
    if (before) log::warn("not ready", {{"error", result.error().chain()}});
    // The log says more than a page that anyone on this machine may read.
    co_return text_answer(503, "not ready: the store does not answer\n");
}

}  // namespace

net::HttpHandler monitoring_handler(const metrics::Metrics& metrics, Readiness ready) {
    return [&metrics, ready = std::move(ready), was_ready = std::make_shared<std::atomic<bool>>(true)](
               const net::HttpRequest& request, const net::Peer&) -> Task<net::HttpResponse> {
        if (request.method != "GET" && request.method != "HEAD") co_return text_answer(405, "GET only\n");
        if (request.path() == "/metrics")
            co_return text_answer(200, metrics.scrape(), "text/plain; version=0.0.4; charset=utf-8");
        if (request.path() == "/healthz") co_return text_answer(200, "ok\n");
        if (request.path() == "/readyz") co_return co_await readiness(ready, was_ready);
        co_return text_answer(404, "there are /metrics, /healthz and /readyz here\n");
    };
}

}  // namespace muster::endpoints
