#include "store/trust_bundles.h"

#include "base/text.h"

namespace muster::store {
namespace {

#define MUSTER_BUNDLE_COLUMNS "id, etag, certificates, created, updated"

TrustBundleRecord read(const Row& row) {
    return {.id = row.string(0),
            .etag = row.string(1),
            .certificates = row.string(2),
            .created = row.time(3),
            .updated = row.time(4)};
}

}  // namespace

Result<std::optional<TrustBundleRecord>> TrustBundleTable::find(std::string_view id) {
    std::optional<TrustBundleRecord> found;
    MUSTER_CHECK(session_.query("SELECT " MUSTER_BUNDLE_COLUMNS " FROM trust_bundle WHERE id_key = $1", {to_lower(id)},
                                [&](const Row& row) { found = read(row); }));
    return found;
}

Result<> TrustBundleTable::put(const TrustBundleRecord& record) {
    MUSTER_CHECK(session_.execute(
        "INSERT INTO trust_bundle (id_key, " MUSTER_BUNDLE_COLUMNS
        ") VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id_key) DO UPDATE SET id = excluded.id, etag = excluded.etag, "
        "certificates = excluded.certificates, created = excluded.created, updated = excluded.updated",
        {to_lower(record.id), record.id, record.etag, record.certificates, record.created, record.updated}));
    return {};
}

Result<bool> TrustBundleTable::erase(std::string_view id) {
    MUSTER_TRY(const auto rows, session_.execute("DELETE FROM trust_bundle WHERE id_key = $1", {to_lower(id)}));
    return rows > 0;
}

Result<std::vector<TrustBundleRecord>> TrustBundleTable::list(std::string_view after, std::size_t limit) {
    std::vector<TrustBundleRecord> records;
    MUSTER_CHECK(session_.query(
        "SELECT " MUSTER_BUNDLE_COLUMNS " FROM trust_bundle WHERE id_key > $1 ORDER BY id_key LIMIT $2",
        {to_lower(after), static_cast<std::int64_t>(limit)}, [&](const Row& row) { records.push_back(read(row)); }));
    return records;
}

Result<std::int64_t> TrustBundleTable::count() {
    std::int64_t count = 0;
    MUSTER_CHECK(
        session_.query("SELECT COUNT(*) FROM trust_bundle", {}, [&](const Row& row) { count = row.integer(0); }));
    return count;
}

Result<std::vector<std::string>> TrustBundleTable::users(std::string_view id, std::size_t limit) {
    std::vector<std::string> ids;
    const auto key = to_lower(id);
    const auto most = static_cast<std::int64_t>(limit);
    const auto take = [&](const Row& row) { ids.push_back(row.string(0)); };
    MUSTER_CHECK(session_.query(
        "SELECT group_id FROM enrollment_group WHERE trust_bundle_key = $1 AND trust_bundle_key <> '' LIMIT $2",
        {key, most}, take));
    MUSTER_CHECK(session_.query(
        "SELECT registration_id FROM enrollment WHERE trust_bundle_key = $1 AND trust_bundle_key <> '' LIMIT $2",
        {key, most}, take));
    return ids;
}

#undef MUSTER_BUNDLE_COLUMNS

}  // namespace muster::store
