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
// /muster/...: ours.
Task<net::HttpResponse> operator_front(const Exchange& exchange);
Task<net::HttpResponse> operator_events(const Exchange& exchange);
Task<net::HttpResponse> operator_audit(const Exchange& exchange);
Task<net::HttpResponse> operator_policies(const Exchange& exchange);
Task<net::HttpResponse> operator_registrations(const Exchange& exchange);
Task<net::HttpResponse> operator_enrollments(const Exchange& exchange, provisioning::EnrollmentKind kind);

}  // namespace muster::endpoints
