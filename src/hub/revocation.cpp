#include "hub/revocation.h"

#include "hub/identifiers.h"

namespace muster::hub {

Result<> drop_thumbprint(store::Tx& tx, std::string_view device_id, std::string_view thumbprint, Random& random) {
    MUSTER_TRY(auto device, tx.identities().find(device_id));
    if (!device) return {};
    bool known = false;
    for (auto* stored : {&device->primary_thumbprint, &device->secondary_thumbprint}) {
        if (*stored != thumbprint) continue;
        stored->clear();
        known = true;
    }
    if (!known) return {};
    device->etag = make_identity_etag(random);
    return tx.identities().update(*device);
}

}  // namespace muster::hub
