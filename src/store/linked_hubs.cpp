#include "store/linked_hubs.h"

#include "base/text.h"
#include "store/topic_versions.h"

namespace muster::store {
namespace {

#define MUSTER_HUB_COLUMNS \
    "name, etag, address, policy, key, certificates, location, weight, allocates, latencies, created, updated"

LinkedHubRecord read(const Row& row) {
    return {.name = row.string(0),
            .etag = row.string(1),
            .address = row.string(2),
            .policy = row.string(3),
            .key = row.string(4),
            .certificates = row.string(5),
            .location = row.string(6),
            .weight = row.integer(7),
            .allocates = row.boolean(8),
            .latencies = row.string(9),
            .created = row.time(10),
            .updated = row.time(11)};
}

}  // namespace

Result<std::optional<LinkedHubRecord>> LinkedHubTable::find(std::string_view name) {
    std::optional<LinkedHubRecord> found;
    MUSTER_CHECK(session_.query("SELECT " MUSTER_HUB_COLUMNS " FROM linked_hub WHERE name_key = $1", {to_lower(name)},
                                [&](const Row& row) { found = read(row); }));
    return found;
}

Result<> LinkedHubTable::put(const LinkedHubRecord& record) {
    MUSTER_CHECK(session_.execute(
        "INSERT INTO linked_hub (name_key, " MUSTER_HUB_COLUMNS
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (name_key) DO UPDATE SET "
        "name = excluded.name, etag = excluded.etag, address = excluded.address, policy = excluded.policy, "
        "key = excluded.key, certificates = excluded.certificates, location = excluded.location, "
        "weight = excluded.weight, allocates = excluded.allocates, latencies = excluded.latencies, "
        "created = excluded.created, updated = excluded.updated",
        {to_lower(record.name), record.name, record.etag, record.address, record.policy, record.key,
         record.certificates, record.location, record.weight, record.allocates, record.latencies, record.created,
         record.updated}));
    return note_hubs_change(session_);
}

Result<bool> LinkedHubTable::erase(std::string_view name) {
    MUSTER_TRY(const auto rows, session_.execute("DELETE FROM linked_hub WHERE name_key = $1", {to_lower(name)}));
    MUSTER_CHECK(note_hubs_change(session_));
    return rows > 0;
}

Result<std::vector<LinkedHubRecord>> LinkedHubTable::list() {
    std::vector<LinkedHubRecord> records;
    MUSTER_CHECK(session_.query("SELECT " MUSTER_HUB_COLUMNS " FROM linked_hub ORDER BY name_key", {},
                                [&](const Row& row) { records.push_back(read(row)); }));
    return records;
}

#undef MUSTER_HUB_COLUMNS

Result<std::optional<std::string>> SettingTable::find(std::string_view name) {
    std::optional<std::string> found;
    MUSTER_CHECK(session_.query("SELECT value FROM service_setting WHERE name = $1", {name},
                                [&](const Row& row) { found = row.string(0); }));
    return found;
}

Result<> SettingTable::put(std::string_view name, std::string_view value) {
    MUSTER_CHECK(
        session_.execute("INSERT INTO service_setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET "
                         "value = excluded.value",
                         {name, value}));
    return note_hubs_change(session_);
}

}  // namespace muster::store
