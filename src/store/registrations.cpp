#include "base/text.h"
#include "store/tx.h"

namespace muster::store {
namespace {

#define MUSTER_REGISTRATION_COLUMNS                                                             \
    "registration_id, etag, group_id, status, substatus, assigned_hub, device_id, error_code, " \
    "error_message, payload, leaf_fingerprint, created, updated, issued_serial"

RegistrationRecord read(const Row& row) {
    return {.id = row.string(0),
            .etag = row.string(1),
            .group_id = row.string(2),
            .status = row.string(3),
            .substatus = row.string(4),
            .assigned_hub = row.string(5),
            .device_id = row.string(6),
            .error_code = row.integer(7),
            .error_message = row.string(8),
            .payload = row.string(9),
            .leaf_fingerprint = row.string(10),
            .issued_serial = row.string(13),
            .created = row.time(11),
            .updated = row.time(12)};
}

}  // namespace

Result<std::optional<RegistrationRecord>> RegistrationTable::find(std::string_view registration_id) {
    std::optional<RegistrationRecord> found;
    MUSTER_CHECK(session_.query("SELECT " MUSTER_REGISTRATION_COLUMNS " FROM registration WHERE registration_key = $1",
                                {to_lower(registration_id)}, [&](const Row& row) { found = read(row); }));
    return found;
}

Result<> RegistrationTable::put(const RegistrationRecord& record) {
    MUSTER_CHECK(session_.execute(
        "INSERT INTO registration (registration_key, registration_id, etag, group_key, group_id, status, substatus, "
        "assigned_hub, device_id, error_code, error_message, payload, leaf_fingerprint, created, updated, "
        "issued_serial) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) "
        "ON CONFLICT (registration_key) DO UPDATE SET registration_id = excluded.registration_id, "
        "etag = excluded.etag, group_key = excluded.group_key, group_id = excluded.group_id, "
        "status = excluded.status, substatus = excluded.substatus, assigned_hub = excluded.assigned_hub, "
        "device_id = excluded.device_id, error_code = excluded.error_code, error_message = excluded.error_message, "
        "payload = excluded.payload, leaf_fingerprint = excluded.leaf_fingerprint, created = excluded.created, "
        "updated = excluded.updated, issued_serial = excluded.issued_serial",
        {to_lower(record.id), record.id, record.etag, to_lower(record.group_id), record.group_id, record.status,
         record.substatus, record.assigned_hub, record.device_id, record.error_code, record.error_message,
         record.payload, record.leaf_fingerprint, record.created, record.updated, record.issued_serial}));
    return {};
}

Result<bool> RegistrationTable::erase(std::string_view registration_id) {
    MUSTER_TRY(const auto rows,
               session_.execute("DELETE FROM registration WHERE registration_key = $1", {to_lower(registration_id)}));
    return rows > 0;
}

Result<std::vector<RegistrationRecord>> RegistrationTable::list_group(std::string_view group_id,
                                                                      const RegistrationPlace& after,
                                                                      std::size_t limit) {
    std::vector<RegistrationRecord> records;
    // The second condition on group_key is the partial index's own, so that the planner may use it.
    MUSTER_CHECK(session_.query(
        "SELECT " MUSTER_REGISTRATION_COLUMNS
        " FROM registration WHERE group_key = $1 AND group_key <> '' AND (created, registration_key) > ($2, $3) "
        "ORDER BY created, registration_key LIMIT $4",
        {to_lower(group_id), after.created, to_lower(after.id), static_cast<std::int64_t>(limit)},
        [&](const Row& row) { records.push_back(read(row)); }));
    return records;
}

Result<std::vector<RegistrationRecord>> RegistrationTable::latest(std::size_t limit) {
    std::vector<RegistrationRecord> records;
    MUSTER_CHECK(
        session_.query("SELECT " MUSTER_REGISTRATION_COLUMNS " FROM registration ORDER BY updated DESC LIMIT $1",
                       {static_cast<std::int64_t>(limit)}, [&](const Row& row) { records.push_back(read(row)); }));
    return records;
}

Result<std::map<std::string, std::int64_t>> RegistrationTable::count_by_status() {
    std::map<std::string, std::int64_t> counts;
    MUSTER_CHECK(session_.query("SELECT status, COUNT(*) FROM registration GROUP BY status", {},
                                [&](const Row& row) { counts[row.string(0)] = row.integer(1); }));
    return counts;
}

#undef MUSTER_REGISTRATION_COLUMNS

}  // namespace muster::store
