// What the fronts stand before: every service of musterd that they cannot do without.
#pragma once

#include "access/policy_book.h"
#include "endpoints/services.h"
#include "hub/registry.h"
#include "support/service_fixture.h"

namespace muster::endpoints {

class EndpointsFixture : public test::ServiceFixture {
protected:
    Services services_with(provisioning::Throttle& throttle) {
        return {.registrations = registrations_,
                .enrollments = enrollments_,
                .ca_certificates = certificates_,
                .registry = registry_,
                .events = events_,
                .refusals = refusals_,
                .throttle = throttle,
                .policies = policies_,
                .clock = clock_,
                .random = random_,
                .metrics = metrics_,
                .host_name = "hub.example",
                .names = {"hub.example"},
                .scope = "0ne1",
                .https = {},
                .started = clock_.now(),
                .ca_pem = {}};
    }

    metrics::Metrics metrics_;
    provisioning::Groups groups_{*store_};
    provisioning::Registrations registrations_{*store_, groups_,  clock_,
                                               random_, metrics_, {"0ne1", "hub.example", Secret(Bytes(32, 1))}};
    provisioning::Enrollments enrollments_{*store_, groups_, clock_, random_, {"hub.example", nullptr}};
    provisioning::CaCertificates certificates_{*store_, groups_, clock_, random_};
    hub::Registry registry_{*store_, clock_, random_};
    provisioning::Events events_{*store_};
    provisioning::Refusals refusals_{*store_, clock_};
    access::PolicyBook policies_{access::Policies::generate(random_),
                                 [](const access::Policies&) -> Result<> { return {}; }};
};

}  // namespace muster::endpoints
