// What a musterd holds in memory, read anew when another one on its database has changed it there.
#pragma once

#include <functional>

#include "authority_parts.h"
#include "base/log.h"
#include "crl_parts.h"
#include "hub_parts.h"
#include "operating_parts.h"
#include "provisioning/announcements.h"
#include "shared_files.h"

namespace muster::musterd {

struct AnnouncementParts {
    // `outdated` is told when a later musterd has brought the database forward: this one has to end.
    AnnouncementParts(store::Store& store, provisioning::Groups& groups, AuthorityParts& authority, HubParts& hubs,
                      CrlParts& crls, OperatingParts& operating, SharedFiles* shared, const std::string& host_name,
                      Random& random, std::function<void(Error)> outdated)
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
        if (shared != nullptr)
            announcements.on(Topic::shared_files, "host name", [shared, host_name]() -> Task<Result<>> {
                if (const auto same = co_await shared->check_host_name(host_name); !same)
                    log::warn("the service's host name", {{"error", same.error().chain()}});
                co_return Result<>();
            });
        announcements.on(Topic::outbox, "what waits for other hubs", [&]() -> Task<Result<>> {
            hubs.deliveries.look_at_all();
            co_return Result<>();
        });
        announcements.on(Topic::schema, "the schema of the database",
                         [&store, outdated = std::move(outdated)]() -> Task<Result<>> {
                             auto known = co_await store.check_schema();
                             if (known || known.error().code() != Errc::unsupported) co_return known;
                             outdated(std::move(known).error());
                             co_return Result<>();
                         });
        store.on_announcement(announcements.teller());
    }

    provisioning::Announcements announcements;
};

}  // namespace muster::musterd
