// The parts of the HTTPS front.
#pragma once

#include "endpoints/exchange.h"

namespace muster::endpoints {

// /{idScope}/registrations/{rid}/...: devices.
Task<net::HttpResponse> provisioning_device(const Exchange& exchange);
// /enrollments, /enrollmentGroups, /registrations, /certificates: services.
Task<net::HttpResponse> provisioning_service(const Exchange& exchange);
bool is_provisioning_service(const Exchange& exchange);
// /devices, /twins, /statistics: the hub's registry, for services and for devices about their own modules.
Task<net::HttpResponse> hub_registry(const Exchange& exchange);
bool is_hub_registry(const Exchange& exchange);
// /muster/status, /muster/trust: ours.
Task<net::HttpResponse> operator_front(const Exchange& exchange);

}  // namespace muster::endpoints
