#include "store/topic_versions.h"

namespace muster::store {
namespace {

Result<> note_change(Session& session, std::string_view mark, Topic topic) {
    MUSTER_CHECK(
        session.execute("INSERT INTO mark (name, value) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET "
                        "value = mark.value + 1",
                        {mark}));
    return session.announce(topic);
}

}  // namespace

Result<> note_groups_change(Session& session) {
    return note_change(session, groups_version_mark, Topic::groups);
}

Result<> note_hubs_change(Session& session) {
    return note_change(session, hubs_version_mark, Topic::hubs);
}

Result<> note_revocation(Session& session) {
    return note_change(session, revocations_version_mark, Topic::revocations);
}

Result<> note_restriction(Session& session) {
    MUSTER_CHECK(note_change(session, restrictions_version_mark, Topic::groups));
    return note_groups_change(session);
}

}  // namespace muster::store
