// Trust bundles: /trustBundles/{id}, /trustBundles/query (api-version 2021-11-01-preview).
#pragma once

#include "endpoints/exchange.h"

namespace muster::endpoints {

bool is_trust_bundle(const Exchange& exchange);
Task<net::HttpResponse> trust_bundles(const Exchange& exchange);

}  // namespace muster::endpoints
