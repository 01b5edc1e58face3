// The monitoring front, on a listener of its own without TLS and credentials: /metrics for Prometheus, /healthz (the
// process answers), /readyz (the store answers, too).
#pragma once

#include "metrics/metrics.h"
#include "net/http_server.h"

namespace muster::endpoints {

// Whether the service can do its work; the error says what is in the way.
using Readiness = std::function<Task<Result<>>()>;

// `metrics` must outlive the handler.
net::HttpHandler monitoring_handler(const metrics::Metrics& metrics, Readiness ready);

}  // namespace muster::endpoints
