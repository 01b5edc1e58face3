// What a musterd holds in memory, read anew when another one on its database has changed it there.
#pragma once

#include "authority_parts.h"
#include "crl_parts.h"
#include "hub_parts.h"
#include "operating_parts.h"
#include "provisioning/announcements.h"

namespace muster::musterd {

struct AnnouncementParts {
    AnnouncementParts(store::Store& store, provisioning::Groups& groups, AuthorityParts& authority, HubParts& hubs,
                      CrlParts& crls, OperatingParts& operating, Random& random)
        : announcements(hubs.thread.at(0).get_executor(), random) {
        using store::Topic;
        announcements.on(Topic::groups, "issuing CAs", [&] { return authority.authority.refresh(); });
        announcements.on(Topic::groups, "enrollment groups", [&] { return groups.refresh(); });
        announcements.on(Topic::groups, "revocation lists to be fetched", [&]() -> Task<Result<>> {
            crls.refresh.wake();
            co_return Result<>();
        });
        announcements.on(Topic::hubs, "linked hubs", [&] { return hubs.linked.refresh(); });
        announcements.on(Topic::revocations, "revocation lists of the authority", [&]() -> Task<Result<>> {
            authority.certificates.lists_are_outdated();
            co_return Result<>();
        });
        announcements.on(Topic::shared_files, "access policies", [&] { return operating.policies.refresh(); });
        store.on_announcement(announcements.teller());
    }

    provisioning::Announcements announcements;
};

}  // namespace muster::musterd
