// What can be said of a record without the service: `muster import --dry-run`.
#pragma once

#include <string>

#include "muster/bulk/reader.h"

namespace muster::cli {

// Why the service would refuse it: its id, the kind of its attestation, its certificates and keys. Empty when nothing
// speaks against it here; whether a hub or a CA certificate that it names is there, only the service knows.
std::string fault_of(const BulkRecord& record);

}  // namespace muster::cli
