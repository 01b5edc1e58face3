// The certificate authority of one musterd, and what enrols with it.
#pragma once

#include <filesystem>

#include "endpoints/services.h"
#include "hub_parts.h"
#include "provisioning/assigner.h"

namespace muster::musterd {

struct AuthorityParts {
    AuthorityParts(store::Store& store, provisioning::Groups& groups, const Clock& clock, Random& random,
                   std::filesystem::path keys, authority::Policy policy)
        : authority(store, clock, random, std::move(keys), std::move(policy)),
          certificates(store, authority, clock),
          passwords(store, clock, random),
          enrolment(store, groups, authority, clock) {
        // Devices are judged by the groups in memory, which know the issuing CAs, too.
        authority.on_change([&groups] { return groups.refresh(); });
    }

    // Hubs do not go on taking what was revoked.
    void tell_hubs(HubParts& hubs, const Clock& clock, Random& random) {
        using Afterwards = authority::Certificates::Afterwards;
        certificates.on_revocation(
            [&](store::Tx& tx, const store::IssuedCertificateRecord& record) -> Result<Afterwards> {
                const auto list = hubs.linked.current();
                MUSTER_TRY(auto wakes, provisioning::lock_out_revoked(tx, record, *list, clock.now(), random));
                return [&hubs, wakes = std::move(wakes)] {
                    for (const auto& queue : wakes) hubs.deliveries.wake(queue);
                };
            });
    }

    authority::Authority authority;
    authority::Certificates certificates;
    authority::Passwords passwords;
    provisioning::CertificateEnrolment enrolment;
    endpoints::AuthorityServices services{authority, certificates, passwords, enrolment};
};

}  // namespace muster::musterd
