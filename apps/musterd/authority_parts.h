// The certificate authority of one musterd, and what enrols with it.
#pragma once

#include <filesystem>

#include "endpoints/services.h"
#include "hub/revocation.h"

namespace muster::musterd {

struct AuthorityParts {
    AuthorityParts(store::Store& store, provisioning::Groups& groups, const Clock& clock, Random& random,
                   std::filesystem::path keys, authority::Policy policy)
        : authority(store, clock, random, std::move(keys), std::move(policy)),
          certificates(store, authority, clock),
          passwords(store, clock, random),
          enrolment(store, groups, authority, clock),
          group_crls(store, groups, clock) {
        // Devices are judged by the groups in memory, which know the issuing CAs, too.
        authority.on_change([&groups] { return groups.refresh(); });
        // The own hub does not go on taking what was revoked.
        certificates.on_revocation([&random](store::Tx& tx, const store::IssuedCertificateRecord& record) -> Result<> {
            MUSTER_TRY(const auto registration, tx.registrations().find(record.registration_id));
            if (!registration) return {};
            return hub::drop_thumbprint(tx, registration->device_id, record.fingerprint, random);
        });
    }

    authority::Authority authority;
    authority::Certificates certificates;
    authority::Passwords passwords;
    provisioning::CertificateEnrolment enrolment;
    provisioning::GroupCrls group_crls;
    endpoints::AuthorityServices services{authority, certificates, passwords, enrolment};
};

}  // namespace muster::musterd
