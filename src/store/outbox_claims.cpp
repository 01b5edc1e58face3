#include "store/outbox_claims.h"

namespace muster::store {

Result<bool> OutboxClaimTable::claim(std::string_view subject, std::string_view owner, TimePoint now, TimePoint until) {
    MUSTER_TRY(const auto rows,
               session_.execute("INSERT INTO outbox_claim (subject, owner, until) VALUES ($1, $2, $3) "
                                "ON CONFLICT (subject) DO UPDATE SET owner = excluded.owner, until = excluded.until "
                                "WHERE outbox_claim.owner = excluded.owner OR outbox_claim.until <= $4",
                                {subject, owner, until, now}));
    return rows > 0;
}

Result<> OutboxClaimTable::release(std::string_view subject, std::string_view owner) {
    MUSTER_CHECK(session_.execute("DELETE FROM outbox_claim WHERE subject = $1 AND owner = $2", {subject, owner}));
    return {};
}

Result<> OutboxClaimTable::release_all(std::string_view owner) {
    MUSTER_CHECK(session_.execute("DELETE FROM outbox_claim WHERE owner = $1", {owner}));
    return {};
}

Result<std::int64_t> OutboxClaimTable::erase_ended(TimePoint before) {
    return session_.execute("DELETE FROM outbox_claim WHERE until < $1", {before});
}

}  // namespace muster::store
