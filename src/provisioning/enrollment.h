// Enrollments as the service API writes and reads them (facts/dps.md 2.2, 2.3).
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "base/random.h"
#include "store/tx.h"

namespace muster::provisioning {

enum class EnrollmentKind { individual, group };

// The member that holds the id: registrationId or enrollmentGroupId.
std::string_view id_member(EnrollmentKind kind);
// "enrollment" or "enrollment group", for sentences.
std::string_view noun(EnrollmentKind kind);

// What a service is that enrollments are judged by when they are written.
struct ServiceFacts {
    std::string hub;  // the host name of the one hub there is
};

// Reads a PUT body into a record. `existing` is what the id holds now: a certificate that the body mentions by its info
// alone is kept from there, and so are symmetric keys that the body leaves out. Everything else is as the body says,
// with the defaults filled in; what the service API does not know is left out. Errors name the member.
Result<store::EnrollmentRecord> enrollment_from_json(EnrollmentKind kind, std::string_view id, const json::object& body,
                                                     const store::EnrollmentRecord* existing, const ServiceFacts& facts,
                                                     Random& random);

// As GET and queries show it: no keys.
json::object enrollment_to_json(const store::EnrollmentRecord& record);
// As PUT answers: with the keys.
json::object enrollment_to_json_with_keys(const store::EnrollmentRecord& record);
// The attestation alone, with its keys.
json::object attestation_mechanism(const store::EnrollmentRecord& record);

// The names under attestation.x509.caReferences; empty when there are none.
std::vector<std::string> ca_references(const store::EnrollmentRecord& record);

// What a registration goes by.
struct EnrollmentRules {
    std::string attestation;  // x509, symmetricKey, tpm
    bool enabled = true;
    std::string device_id;  // empty: the registration id
    bool edge = false;
    std::string tags;  // JSON text; empty for none
    std::string desired;
    bool migrate_data = true;  // reprovisionPolicy
    bool update_hub_assignment = true;
};
Result<EnrollmentRules> enrollment_rules(const store::EnrollmentRecord& record);

}  // namespace muster::provisioning
