#include "store/shared_files.h"

namespace muster::store {
namespace {

SharedFileRecord read(const Row& row) {
    return {.name = row.string(0),
            .content = Secret(row.byte_vector(1)),
            .version = row.integer(2),
            .updated = row.time(3)};
}

}  // namespace

Result<std::optional<SharedFileRecord>> SharedFileTable::find(std::string_view name) {
    std::optional<SharedFileRecord> found;
    MUSTER_CHECK(session_.query("SELECT name, content, version, updated FROM shared_file WHERE name = $1", {name},
                                [&](const Row& row) { found = read(row); }));
    return found;
}

Result<std::int64_t> SharedFileTable::version(std::string_view name) {
    std::int64_t version = 0;
    MUSTER_CHECK(session_.query("SELECT version FROM shared_file WHERE name = $1", {name},
                                [&](const Row& row) { version = row.integer(0); }));
    return version;
}

Result<> SharedFileTable::put(const SharedFileRecord& record) {
    MUSTER_CHECK(session_.execute(
        "INSERT INTO shared_file (name, content, version, updated) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO "
        "UPDATE SET content = excluded.content, version = excluded.version, updated = excluded.updated",
        {record.name, record.content.bytes(), record.version, record.updated}));
    return session_.announce(Topic::shared_files);
}

Result<bool> SharedFileTable::erase(std::string_view name) {
    MUSTER_TRY(const auto rows, session_.execute("DELETE FROM shared_file WHERE name = $1", {name}));
    MUSTER_CHECK(session_.announce(Topic::shared_files));
    return rows > 0;
}

Result<std::vector<SharedFileRecord>> SharedFileTable::list(std::string_view beginning) {
    std::vector<SharedFileRecord> records;
    // Not by comparing: what a name is less than is the collation's affair.
    MUSTER_CHECK(
        session_.query("SELECT name, content, version, updated FROM shared_file WHERE substr(name, 1, length($1)) = $1 "
                       "ORDER BY name",
                       {beginning}, [&](const Row& row) { records.push_back(read(row)); }));
    return records;
}

}  // namespace muster::store
