// What a certification request says beside its key: the subject, and what it wants the certificate to be.
#pragma once

#include "pki/csr.h"

namespace muster::pki {

Bytes subject_der(const Csr& csr);
std::string subject_text(const Csr& csr);  // RFC 2253, safe to print
// How many common names the subject has: more than one is a riddle to whoever reads one.
int common_name_count(const Csr& csr);
// Whether it asks for basicConstraints CA:TRUE.
bool asks_for_authority(const Csr& csr);

}  // namespace muster::pki
