// A device's certificate, taken back.
#pragma once

#include <string_view>

#include "base/random.h"
#include "store/tx.h"

namespace muster::hub {

// The hub no longer knows the device by that thumbprint (SHA-256, upper-case hex); by its other one, or by the next
// that it registers with, it does. Nothing happens when there is no such device, or when it is known by another.
Result<> drop_thumbprint(store::Tx& tx, std::string_view device_id, std::string_view thumbprint, Random& random);

}  // namespace muster::hub
