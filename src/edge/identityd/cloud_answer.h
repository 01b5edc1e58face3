// What DPS and the hub say besides success: HTTP status, error code, tracking id, and how long to wait.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "net/http.h"

namespace muster::edge::identityd {

// The integer seconds of Retry-After, 1 to 300 (facts/dps.md 4.4); nothing when absent or of another form.
std::optional<std::chrono::seconds> retry_after(const net::HttpResponse& response);

// The time at the service, from Date (RFC 9110 section 5.6.7, the form that is sent today); nothing when absent, of
// another form, or before 2020.
std::optional<TimePoint> date_of(const net::HttpResponse& response);

// An answer that is worth another try: 429 or a 5xx.
bool passing_fault(const net::HttpResponse& response);

// "<what>: HTTP 401, errorCode 401002, trackingId 1b2c, at 2026-...: Unauthorized". Codes: throttled (429), unavailable
// (5xx), unauthorized (401, 403), conflict (the rest). Its number is the status.
Error refusal(std::string_view what, const net::HttpResponse& response);

}  // namespace muster::edge::identityd
