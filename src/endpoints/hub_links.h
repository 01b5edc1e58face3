// The hubs that devices are sent to: /iotHubs[/{name}], and the policy of enrollments that name none:
// /allocationPolicy. In the words of Azure's resource of the service (facts/dps.md 2.7), over our own API.
#pragma once

#include "endpoints/exchange.h"

namespace muster::endpoints {

bool is_hub_link(const Exchange& exchange);
// GET lists or shows; PUT links or changes (?untried=true: without trying the hub first); DELETE unlinks.
Task<net::HttpResponse> hub_links(const Exchange& exchange);

}  // namespace muster::endpoints
