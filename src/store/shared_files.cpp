#include "store/shared_files.h"

namespace muster::store {
namespace {

SharedFileRecord read(const Row& row) {
    return {.name = row.string(0), .content = row.byte_vector(1), .version = row.integer(2), .updated = row.time(3)};
}

}  // namespace

Result<std::optional<SharedFileRecord>> SharedFileTable::find(std::string_view name) {
    std::optional<SharedFileRecord> found;
    MUSTER_CHECK(session_.query("SELECT name, content, version, updated FROM shared_file WHERE name = $1", {name},
                                [&](const Row& row) { found = read(row); }));
    return found;
}

Result<> SharedFileTable::put(const SharedFileRecord& record) {
    MUSTER_CHECK(session_.execute(
        "INSERT INTO shared_file (name, content, version, updated) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO "
        "UPDATE SET content = excluded.content, version = excluded.version, updated = excluded.updated",
        {record.name, record.content, record.version, record.updated}));
    return session_.announce(Topic::shared_files);
}

Result<bool> SharedFileTable::erase(std::string_view name) {
    MUSTER_TRY(const auto rows, session_.execute("DELETE FROM shared_file WHERE name = $1", {name}));
    MUSTER_CHECK(session_.announce(Topic::shared_files));
    return rows > 0;
}

Result<std::vector<SharedFileRecord>> SharedFileTable::list() {
    std::vector<SharedFileRecord> records;
    MUSTER_CHECK(session_.query("SELECT name, content, version, updated FROM shared_file ORDER BY name", {},
                                [&](const Row& row) { records.push_back(read(row)); }));
    return records;
}

}  // namespace muster::store
