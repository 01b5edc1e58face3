// The attestation member of an enrollment: certificates and keys go into the record, the rest stays JSON.
#pragma once

#include "base/json.h"
#include "base/random.h"
#include "pki/certificate.h"
#include "provisioning/enrollment.h"

namespace muster::provisioning {

// Reads `attestation` into `record` (certificates, keys) and returns what its body keeps of it.
Result<json::object> attestation_from_json(EnrollmentKind kind, const json::object& attestation,
                                           const store::EnrollmentRecord* existing, store::EnrollmentRecord& record,
                                           Random& random);

// X509CertificateInfo: subjectName, thumbprints, issuerName, dates, serialNumber, version.
json::object certificate_info(const pki::Certificate& certificate);

}  // namespace muster::provisioning
