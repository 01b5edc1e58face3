// What must be true of certificates that are to be issued to the device: someone who issues them, and a way to sign in
// there. Internal to this room.
#pragma once

#include "edge/config/check_certificates.h"

namespace muster::edge {

void check_issuance(const CheckInput& in, Notes& notes);

}  // namespace muster::edge
