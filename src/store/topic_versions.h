// How often groups and hubs have been changed, and certificates revoked: by one row a musterd sees whether what it
// holds of them in memory is behind what another has written.
#pragma once

#include <string_view>

#include "store/session.h"

namespace muster::store {

// The marks (store/journal.h) that count the changes; they are not there before the first.
inline constexpr std::string_view groups_version_mark = "version.groups";
inline constexpr std::string_view hubs_version_mark = "version.hubs";
inline constexpr std::string_view revocations_version_mark = "version.revocations";
// Of the changes of groups, those by which a device may be refused that no record of the registration's own transaction
// speaks of: revocation lists given to groups, and CA certificates. They are rare.
inline constexpr std::string_view restrictions_version_mark = "version.restrictions";

// Counts a change of what the topic says, in the change's own transaction, and announces it.
Result<> note_groups_change(Session& session);
Result<> note_hubs_change(Session& session);
Result<> note_revocation(Session& session);
Result<> note_restriction(Session& session);  // a change of groups, too

}  // namespace muster::store
