// The certificate authority over HTTPS: /muster/authority/... for operators, /crl/{id}.crl for everyone.
//
// | GET    /muster/authority                               | state and chain |
// | POST   /muster/authority/create                        | {"name", "keySpec", "rootDays", "issuingDays", "replace"}
// | | POST   /muster/authority/request                       | {"commonName", "keySpec"}: a CSR for an issuing CA | |
// POST   /muster/authority/install                       | {"chain", "key"} | | GET    /muster/authority/certificates
// | ?enrollmentGroupId, registrationId, revoked=true; paged | | GET    /muster/authority/certificates/{serial} | | |
// POST   /muster/authority/certificates/{serial}/revoke  | {"reason"} | | PUT /muster/authority/oneTimePasswords/{id}
// | {"enrollmentGroupId", "lifeSeconds"} | | DELETE /muster/authority/oneTimePasswords/{id}         | |
#pragma once

#include "endpoints/exchange.h"

namespace muster::endpoints {

bool is_authority(const Exchange& exchange);
Task<net::HttpResponse> authority_front(const Exchange& exchange);

bool is_revocation_list(const Exchange& exchange);
Task<net::HttpResponse> revocation_list(const Exchange& exchange);

}  // namespace muster::endpoints
