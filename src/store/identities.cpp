#include "store/tx.h"

namespace muster::store {
namespace {

#define MUSTER_IDENTITY_COLUMNS                                                                                       \
    "device_id, module_id, generation_id, etag, status, status_reason, status_updated, authentication, primary_key, " \
    "secondary_key, primary_thumbprint, secondary_thumbprint, edge, device_scope, parent_scopes, managed_by, "        \
    "created, "                                                                                                       \
    "twin_version, twin_etag, tags, desired, desired_version, desired_updated, reported, reported_version, "          \
    "reported_updated"

IdentityRecord read(const Row& row) {
    return {.device_id = row.string(0),
            .module_id = row.string(1),
            .generation_id = row.string(2),
            .etag = row.string(3),
            .status = row.string(4),
            .status_reason = row.string(5),
            .status_updated = row.time(6),
            .authentication = row.string(7),
            .primary_key = row.string(8),
            .secondary_key = row.string(9),
            .primary_thumbprint = row.string(10),
            .secondary_thumbprint = row.string(11),
            .edge = row.boolean(12),
            .device_scope = row.string(13),
            .parent_scopes = row.string(14),
            .managed_by = row.string(15),
            .created = row.time(16),
            .twin_version = row.integer(17),
            .twin_etag = row.string(18),
            .tags = row.string(19),
            .desired = row.string(20),
            .desired_version = row.integer(21),
            .desired_updated = row.time(22),
            .reported = row.string(23),
            .reported_version = row.integer(24),
            .reported_updated = row.time(25)};
}

}  // namespace

Result<std::optional<IdentityRecord>> IdentityTable::find(std::string_view device_id, std::string_view module_id) {
    std::optional<IdentityRecord> found;
    MUSTER_CHECK(session_.query("SELECT " MUSTER_IDENTITY_COLUMNS
                                " FROM identity WHERE device_id = $1 AND module_id = $2",
                                {device_id, module_id}, [&](const Row& row) { found = read(row); }));
    return found;
}

Result<> IdentityTable::insert(const IdentityRecord& r) {
    MUSTER_CHECK(session_.execute("INSERT INTO identity (" MUSTER_IDENTITY_COLUMNS
                                  ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, "
                                  "$17, $18, $19, $20, $21, $22, "
                                  "$23, $24, $25, $26)",
                                  {r.device_id,
                                   r.module_id,
                                   r.generation_id,
                                   r.etag,
                                   r.status,
                                   r.status_reason,
                                   r.status_updated,
                                   r.authentication,
                                   r.primary_key,
                                   r.secondary_key,
                                   r.primary_thumbprint,
                                   r.secondary_thumbprint,
                                   r.edge,
                                   r.device_scope,
                                   r.parent_scopes,
                                   r.managed_by,
                                   r.created,
                                   r.twin_version,
                                   r.twin_etag,
                                   r.tags,
                                   r.desired,
                                   r.desired_version,
                                   r.desired_updated,
                                   r.reported,
                                   r.reported_version,
                                   r.reported_updated}));
    return {};
}

Result<> IdentityTable::update(const IdentityRecord& r) {
    MUSTER_TRY(const auto rows,
               session_.execute(
                   "UPDATE identity SET etag = $1, status = $2, status_reason = $3, status_updated = $4, "
                   "authentication = $5, primary_key = $6, secondary_key = $7, primary_thumbprint = $8, "
                   "secondary_thumbprint = $9, edge = $10, device_scope = $11, parent_scopes = $12, managed_by = $13, "
                   "twin_version = $14, twin_etag = $15, tags = $16, desired = $17, desired_version = $18, "
                   "desired_updated = $19, reported = $20, reported_version = $21, reported_updated = $22 "
                   "WHERE device_id = $23 AND module_id = $24",
                   {r.etag,
                    r.status,
                    r.status_reason,
                    r.status_updated,
                    r.authentication,
                    r.primary_key,
                    r.secondary_key,
                    r.primary_thumbprint,
                    r.secondary_thumbprint,
                    r.edge,
                    r.device_scope,
                    r.parent_scopes,
                    r.managed_by,
                    r.twin_version,
                    r.twin_etag,
                    r.tags,
                    r.desired,
                    r.desired_version,
                    r.desired_updated,
                    r.reported,
                    r.reported_version,
                    r.reported_updated,
                    r.device_id,
                    r.module_id}));
    if (rows != 1) return fail(Errc::not_found, "no identity {}/{}", r.device_id, r.module_id);
    return {};
}

Result<bool> IdentityTable::erase(std::string_view device_id, std::string_view module_id) {
    if (module_id.empty()) {
        MUSTER_TRY(const auto rows, session_.execute("DELETE FROM identity WHERE device_id = $1", {device_id}));
        return rows > 0;
    }
    MUSTER_TRY(const auto rows, session_.execute("DELETE FROM identity WHERE device_id = $1 AND module_id = $2",
                                                 {device_id, module_id}));
    return rows > 0;
}

Result<std::vector<IdentityRecord>> IdentityTable::list_devices(Page page) {
    std::vector<IdentityRecord> records;
    MUSTER_CHECK(session_.query("SELECT " MUSTER_IDENTITY_COLUMNS
                                " FROM identity WHERE module_id = '' AND device_id > $1 ORDER BY device_id LIMIT $2",
                                {page.after, static_cast<std::int64_t>(page.limit)},
                                [&](const Row& row) { records.push_back(read(row)); }));
    return records;
}

Result<std::vector<IdentityRecord>> IdentityTable::list_modules(std::string_view device_id) {
    std::vector<IdentityRecord> records;
    MUSTER_CHECK(session_.query("SELECT " MUSTER_IDENTITY_COLUMNS
                                " FROM identity WHERE device_id = $1 AND module_id <> '' ORDER BY module_id",
                                {device_id}, [&](const Row& row) { records.push_back(read(row)); }));
    return records;
}

Result<std::map<std::string, std::int64_t>> IdentityTable::count_devices() {
    std::map<std::string, std::int64_t> counts;
    MUSTER_CHECK(session_.query("SELECT status, COUNT(*) FROM identity WHERE module_id = '' GROUP BY status", {},
                                [&](const Row& row) { counts[row.string(0)] = row.integer(1); }));
    return counts;
}

Result<std::int64_t> IdentityTable::count_modules() {
    std::int64_t count = 0;
    MUSTER_CHECK(
        session_.query("SELECT (SELECT COUNT(*) FROM identity) - (SELECT COUNT(*) FROM identity WHERE module_id = '')",
                       {}, [&](const Row& row) { count = row.integer(0); }));
    return count;
}

#undef MUSTER_IDENTITY_COLUMNS

}  // namespace muster::store
