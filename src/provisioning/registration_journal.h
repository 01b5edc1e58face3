// A registration's end in the journal, written in the transaction that brings it about.
#pragma once

#include "provisioning/attestation.h"
#include "store/tx.h"

namespace muster::provisioning {

// "registration.assigned", "registration.failed", ...: by the record's status. One that is still assigning is not told.
Result<> journal_registration(store::Tx& tx, const store::RegistrationRecord& record, const DeviceRequest& request);
// The same where no request is at hand any more (another hub has answered).
Result<> journal_registration(store::Tx& tx, const store::RegistrationRecord& record, std::string_view peer = {},
                              std::string_view tracking_id = {});

}  // namespace muster::provisioning
