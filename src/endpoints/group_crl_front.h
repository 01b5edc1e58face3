// Revocation lists of enrollment groups: /enrollmentGroups/{id}/revocationLists[/{issuer's SHA-256 thumbprint}].
#pragma once

#include "endpoints/exchange.h"

namespace muster::endpoints {

bool is_group_crl(const Exchange& exchange);
// GET lists, PUT gives one (its issuer says its place), DELETE with the issuer's thumbprint takes one away.
Task<net::HttpResponse> group_crls(const Exchange& exchange);

}  // namespace muster::endpoints
