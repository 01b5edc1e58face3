// The public areas from which a TPM makes its endorsement key and its storage root key: those of the TCG's EK
// Credential Profile (B.3.3, template L-1) and TPM Provisioning Guidance (7.5.1), so that the keys are the ones that a
// certificate of the manufacturer and other tools know.
#pragma once

#include <tss2/tss2_tpm2_types.h>

namespace muster::edge::tpmd {

TPM2B_PUBLIC endorsement_key_template();
TPM2B_PUBLIC storage_root_key_template();

}  // namespace muster::edge::tpmd
