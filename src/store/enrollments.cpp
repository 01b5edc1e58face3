#include "base/text.h"
#include "store/topic_versions.h"
#include "store/tx.h"

namespace muster::store {
namespace {

// The two tables have the same columns behind other names; the statements are written out twice so that each stays a
// constant, which is what the prepared-statement cache goes by.
struct Statements {
    std::string_view find, put, erase, list, count;
};

#define MUSTER_ENROLLMENT_STATEMENTS(table, key, id)                                                           \
    Statements {                                                                                               \
        "SELECT " id                                                                                           \
        ", etag, body, primary_certificate, secondary_certificate, primary_key, secondary_key, "               \
        "created, updated, trust_bundle FROM " table " WHERE " key " = $1",                                    \
            "INSERT INTO " table " (" key ", " id                                                              \
            ", etag, body, primary_certificate, secondary_certificate, "                                       \
            "primary_key, secondary_key, created, updated, trust_bundle, trust_bundle_key) "                   \
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) "                                      \
            "ON CONFLICT (" key ") DO UPDATE SET " id " = excluded." id                                        \
            ", etag = excluded.etag, "                                                                         \
            "body = excluded.body, primary_certificate = excluded.primary_certificate, "                       \
            "secondary_certificate = excluded.secondary_certificate, primary_key = excluded.primary_key, "     \
            "secondary_key = excluded.secondary_key, created = excluded.created, updated = excluded.updated, " \
            "trust_bundle = excluded.trust_bundle, trust_bundle_key = excluded.trust_bundle_key",              \
            "DELETE FROM " table " WHERE " key " = $1",                                                        \
            "SELECT " id                                                                                       \
            ", etag, body, primary_certificate, secondary_certificate, primary_key, secondary_key, "           \
            "created, updated, trust_bundle FROM " table " WHERE " key " > $1 ORDER BY " key " LIMIT $2",      \
            "SELECT COUNT(*) FROM " table                                                                      \
    }

constexpr Statements individual = MUSTER_ENROLLMENT_STATEMENTS("enrollment", "registration_key", "registration_id");
constexpr Statements group = MUSTER_ENROLLMENT_STATEMENTS("enrollment_group", "group_key", "group_id");
#undef MUSTER_ENROLLMENT_STATEMENTS

const Statements& statements(EnrollmentTable::Kind kind) {
    return kind == EnrollmentTable::Kind::individual ? individual : group;
}

EnrollmentRecord read(const Row& row) {
    return {.id = row.string(0),
            .etag = row.string(1),
            .body = row.string(2),
            .primary_certificate = row.byte_vector(3),
            .secondary_certificate = row.byte_vector(4),
            .primary_key = row.string(5),
            .secondary_key = row.string(6),
            .created = row.time(7),
            .updated = row.time(8),
            .trust_bundle = row.string(9)};
}

}  // namespace

Result<std::optional<EnrollmentRecord>> EnrollmentTable::find(std::string_view id) {
    std::optional<EnrollmentRecord> found;
    MUSTER_CHECK(session_.query(statements(kind_).find, {to_lower(id)}, [&](const Row& row) { found = read(row); }));
    return found;
}

Result<> EnrollmentTable::put(const EnrollmentRecord& record) {
    MUSTER_CHECK(session_.execute(
        statements(kind_).put, {to_lower(record.id), record.id, record.etag, record.body, record.primary_certificate,
                                record.secondary_certificate, record.primary_key, record.secondary_key, record.created,
                                record.updated, record.trust_bundle, to_lower(record.trust_bundle)}));
    return announce_change();
}

Result<bool> EnrollmentTable::erase(std::string_view id) {
    MUSTER_TRY(const auto rows, session_.execute(statements(kind_).erase, {to_lower(id)}));
    MUSTER_CHECK(announce_change());
    return rows > 0;
}

// Groups are held in memory; individual enrollments are looked up.
Result<> EnrollmentTable::announce_change() {
    return kind_ == Kind::group ? note_groups_change(session_) : Result<>();
}

Result<std::vector<EnrollmentRecord>> EnrollmentTable::list(Page page) {
    std::vector<EnrollmentRecord> records;
    MUSTER_CHECK(session_.query(statements(kind_).list, {to_lower(page.after), static_cast<std::int64_t>(page.limit)},
                                [&](const Row& row) { records.push_back(read(row)); }));
    return records;
}

Result<std::int64_t> EnrollmentTable::count() {
    std::int64_t count = 0;
    MUSTER_CHECK(session_.query(statements(kind_).count, {}, [&](const Row& row) { count = row.integer(0); }));
    return count;
}

Result<> GroupCertificateTable::replace(std::string_view group_id, const std::vector<std::string>& fingerprints) {
    const auto key = to_lower(group_id);
    MUSTER_CHECK(session_.execute("DELETE FROM group_certificate WHERE group_key = $1", {key}));
    for (const auto& fingerprint : fingerprints) {
        std::string holder;
        MUSTER_CHECK(session_.query("SELECT group_key FROM group_certificate WHERE fingerprint = $1", {fingerprint},
                                    [&](const Row& row) { holder = row.string(0); }));
        if (holder == key) continue;  // primary and secondary are the same certificate
        if (!holder.empty())
            return fail(Errc::conflict, "the signing certificate {} already belongs to enrollment group '{}'",
                        fingerprint, holder);
        MUSTER_CHECK(session_.execute("INSERT INTO group_certificate (fingerprint, group_key) VALUES ($1, $2)",
                                      {fingerprint, key}));
    }
    return {};
}

}  // namespace muster::store
