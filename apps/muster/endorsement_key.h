// The endorsement key of a device's TPM as a command line gives it. It is public.
#pragma once

#include <string>

#include "base/error.h"

namespace muster::cli {

// base64 of a TPM2B_PUBLIC, or "@FILE" of that text or of the bytes themselves (as `tpm2_readpublic -o` writes them),
// as base64. The error says what it is not.
Result<std::string> read_endorsement_key(const std::string& argument);

}  // namespace muster::cli
