// Enrolment over Secure Transport (RFC 7030, RFC 8951): /.well-known/est[/{enrollment group}]/{operation}.
#pragma once

#include "endpoints/exchange.h"

namespace muster::endpoints {

bool is_est(const Exchange& exchange);
// cacerts, simpleenroll, simplereenroll, csrattrs. Refusals are plain text, as the RFC wants it.
Task<net::HttpResponse> est(const Exchange& exchange);

}  // namespace muster::endpoints
