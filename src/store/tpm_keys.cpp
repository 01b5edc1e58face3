#include "store/tpm_keys.h"

#include "base/text.h"

namespace muster::store {

Result<std::vector<TpmKeyRecord>> TpmKeyTable::list(std::string_view registration_id) {
    std::vector<TpmKeyRecord> records;
    MUSTER_CHECK(
        session_.query("SELECT storage_key, made_of, wrapped_key, proven, asked FROM tpm_key "
                       "WHERE registration_key = $1 ORDER BY storage_key",
                       {to_lower(registration_id)}, [&](const Row& row) {
                           records.push_back({.registration_id = std::string(registration_id),
                                              .storage_key = row.string(0),
                                              .made_of = row.string(1),
                                              .wrapped_key = row.string(2),
                                              .proven = row.boolean(3),
                                              .asked = row.time(4)});
                       }));
    return records;
}

Result<> TpmKeyTable::put(const TpmKeyRecord& record) {
    const auto key = to_lower(record.registration_id);
    MUSTER_CHECK(
        session_.execute("INSERT INTO tpm_key (registration_key, storage_key, made_of, wrapped_key, proven, asked) "
                         "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (registration_key, storage_key) DO UPDATE SET "
                         "made_of = excluded.made_of, wrapped_key = excluded.wrapped_key, proven = excluded.proven, "
                         "asked = excluded.asked",
                         {key, record.storage_key, record.made_of, record.wrapped_key, record.proven, record.asked}));
    MUSTER_CHECK(
        session_.execute("DELETE FROM tpm_key WHERE registration_key = $1 AND proven = 0 AND storage_key NOT IN "
                         "(SELECT storage_key FROM tpm_key WHERE registration_key = $2 AND proven = 0 "
                         "ORDER BY asked DESC, storage_key LIMIT $3)",
                         {key, key, static_cast<std::int64_t>(max_unproven)}));
    return {};
}

Result<> TpmKeyTable::prove(std::string_view registration_id, std::string_view storage_key) {
    const auto key = to_lower(registration_id);
    MUSTER_CHECK(
        session_.execute("DELETE FROM tpm_key WHERE registration_key = $1 AND storage_key <> $2", {key, storage_key}));
    MUSTER_CHECK(session_.execute(
        "UPDATE tpm_key SET proven = 1 WHERE registration_key = $1 AND storage_key = $2 AND proven = 0",
        {key, storage_key}));
    return {};
}

Result<> TpmKeyTable::erase(std::string_view registration_id) {
    MUSTER_CHECK(session_.execute("DELETE FROM tpm_key WHERE registration_key = $1", {to_lower(registration_id)}));
    return {};
}

}  // namespace muster::store
