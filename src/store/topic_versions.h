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

// Counts a change of what the topic says, in the change's own transaction, and announces it.
Result<> note_groups_change(Session& session);
Result<> note_hubs_change(Session& session);
Result<> note_revocation(Session& session);

}  // namespace muster::store
