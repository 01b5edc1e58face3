// Enrollments as the service API writes and reads them (facts/dps.md 2.2, 2.3).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/random.h"
#include "base/task.h"
#include "provisioning/allocation.h"
#include "store/tx.h"

namespace muster::provisioning {

class LinkedHubs;

enum class EnrollmentKind { individual, group };

// The member that holds the id: registrationId or enrollmentGroupId.
std::string_view id_member(EnrollmentKind kind);
// "enrollment" or "enrollment group", for sentences.
std::string_view noun(EnrollmentKind kind);

// What a service is that enrollments are judged by when they are written and shown.
struct ServiceFacts {
    std::string hub;                    // the host name of its own hub
    LinkedHubs* linked_hubs = nullptr;  // nothing: the own hub is the only one

    std::shared_ptr<const HubList> hubs() const;
    // LinkedHubs::catch_up.
    Task<Result<>> catch_up() const;
};

// Reads a PUT body into a record. `existing` is what the id holds now: a certificate that the body mentions by its info
// alone is kept from there, and so are symmetric keys that the body leaves out. Everything else is as the body says,
// with the defaults filled in; what the service API does not know is left out. Errors name the member.
Result<store::EnrollmentRecord> enrollment_from_json(EnrollmentKind kind, std::string_view id, const json::object& body,
                                                     const store::EnrollmentRecord* existing, const ServiceFacts& facts,
                                                     Random& random);

// As GET and queries show it: no keys. One that names no allocation policy shows none.
json::object enrollment_to_json(const store::EnrollmentRecord& record);
// As PUT answers: with the keys.
json::object enrollment_to_json_with_keys(const store::EnrollmentRecord& record);
// The attestation alone, with its keys.
json::object attestation_mechanism(const store::EnrollmentRecord& record);

// The names under attestation.x509.caReferences; empty when there are none.
std::vector<std::string> ca_references(const store::EnrollmentRecord& record);

// The twin that a body or a webhook's answer gives in "initialTwin", without the names that only the server writes;
// null when there is none.
Result<json::value> initial_twin_from_json(const json::object& body);
// Its sections as JSON text; empty for none.
struct TwinSections {
    std::string tags;
    std::string desired;
};
TwinSections twin_sections(const json::object& initial_twin);

// What a registration goes by.
struct EnrollmentRules {
    std::string attestation;  // x509, symmetricKey, tpm
    Bytes endorsement_key;    // of a TPM, TPM2B_PUBLIC
    bool enabled = true;
    std::string device_id;  // empty: the registration id
    bool edge = false;
    bool edge_ca = false;  // of a group: its devices may have edge CAs issued by the service's authority
    std::string tags;      // JSON text; empty for none
    std::string desired;
    bool migrate_data = true;  // reprovisionPolicy
    bool update_hub_assignment = true;
    std::optional<AllocationPolicy> allocation;  // nothing: the service's default
    std::vector<std::string> hubs;               // to choose from; empty for all that take part
    std::string webhook_url;                     // for custom allocation
};
Result<EnrollmentRules> enrollment_rules(const store::EnrollmentRecord& record);

}  // namespace muster::provisioning
