// What several musterds on one database hold in memory, each for itself: when one of them changes it in the database,
// the others are told to read it anew.
#pragma once

#include <array>

namespace muster::store {

enum class Topic {
    groups,        // enrollment groups, CA certificates, issuing CAs, revocation lists of groups
    hubs,          // linked hubs and the service's settings
    revocations,   // certificates of the service's own authority that were revoked
    shared_files,  // store/shared_files.h
    journal,       // entries that can be read now
    outbox,        // who worked on it stops
    schema,        // the tables, by a later version
};

inline constexpr std::array all_topics{Topic::groups,  Topic::hubs,   Topic::revocations, Topic::shared_files,
                                       Topic::journal, Topic::outbox, Topic::schema};

}  // namespace muster::store
