#include "base/text.h"
#include "store/topic_versions.h"
#include "store/tx.h"

namespace muster::store {
namespace {

CaCertificateRecord read(const Row& row) {
    return {.name = row.string(0),
            .etag = row.string(1),
            .certificate = row.byte_vector(2),
            .verified = row.boolean(3),
            .verification_code = row.string(4),
            .created = row.time(5),
            .updated = row.time(6)};
}

}  // namespace

Result<std::optional<CaCertificateRecord>> CaCertificateTable::find(std::string_view name) {
    std::optional<CaCertificateRecord> found;
    MUSTER_CHECK(
        session_.query("SELECT name, etag, certificate, verified, verification_code, created, updated FROM "
                       "ca_certificate WHERE name_key = $1",
                       {to_lower(name)}, [&](const Row& row) { found = read(row); }));
    return found;
}

Result<> CaCertificateTable::put(const CaCertificateRecord& record) {
    MUSTER_CHECK(session_.execute(
        "INSERT INTO ca_certificate (name_key, name, etag, certificate, verified, verification_code, created, updated) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name_key) DO UPDATE SET name = excluded.name, "
        "etag = excluded.etag, certificate = excluded.certificate, verified = excluded.verified, "
        "verification_code = excluded.verification_code, "
        "created = excluded.created, updated = excluded.updated",
        {to_lower(record.name), record.name, record.etag, record.certificate, record.verified, record.verification_code,
         record.created, record.updated}));
    // It may take the place of another.
    return note_restriction(session_);
}

Result<bool> CaCertificateTable::erase(std::string_view name) {
    MUSTER_TRY(const auto rows, session_.execute("DELETE FROM ca_certificate WHERE name_key = $1", {to_lower(name)}));
    MUSTER_CHECK(note_restriction(session_));
    return rows > 0;
}

Result<std::vector<CaCertificateRecord>> CaCertificateTable::list() {
    std::vector<CaCertificateRecord> records;
    MUSTER_CHECK(
        session_.query("SELECT name, etag, certificate, verified, verification_code, created, updated FROM "
                       "ca_certificate ORDER BY name_key",
                       {}, [&](const Row& row) { records.push_back(read(row)); }));
    return records;
}

}  // namespace muster::store
