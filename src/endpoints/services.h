// What the protocol fronts speak to: the services of one musterd, and what it says of itself.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "access/policy_book.h"
#include "authority/certificates.h"
#include "authority/passwords.h"
#include "base/clock.h"
#include "base/random.h"
#include "hub/registry.h"
#include "metrics/metrics.h"
#include "provisioning/ca_certificates.h"
#include "provisioning/certificate_enrolment.h"
#include "provisioning/enrollments.h"
#include "provisioning/events.h"
#include "provisioning/group_crls.h"
#include "provisioning/refusals.h"
#include "provisioning/registration.h"
#include "provisioning/throttle.h"
#include "provisioning/trust_bundles.h"

namespace muster::endpoints {

// The service's own certificate authority.
struct AuthorityServices {
    authority::Authority& authority;
    authority::Certificates& certificates;
    authority::Passwords& passwords;
    provisioning::CertificateEnrolment& enrolment;
};

struct Services {
    provisioning::Registrations& registrations;
    provisioning::Enrollments& enrollments;
    provisioning::CaCertificates& ca_certificates;
    hub::Registry& registry;
    provisioning::Events& events;
    provisioning::Refusals& refusals;
    provisioning::Throttle& throttle;
    access::PolicyBook& policies;
    const Clock& clock;
    Random& random;
    metrics::Metrics& metrics;

    std::string host_name;
    std::vector<std::string> names;  // what clients may address: host_name and the names of the certificate
    std::string scope;
    std::string https;  // the address that is listened on, with the port that is really bound; empty when off
    TimePoint started;
    std::string ca_pem;                  // what a client must trust; empty when the certificate is the operator's own
    std::string store_kind = {};         // sqlite, postgresql
    std::string store_description = {};  // where the records are, for people
    std::string mqtts = {};
    std::string amqps = {};
    // Absent where a test has no use for them: their paths lead nowhere then.
    AuthorityServices* authority = nullptr;
    provisioning::GroupCrls* group_crls = nullptr;
    provisioning::LinkedHubs* linked_hubs = nullptr;
    provisioning::TrustBundles* trust_bundles = nullptr;
};

}  // namespace muster::endpoints
