#include "store/authority_tables.h"

#include "base/text.h"
#include "store/topic_versions.h"

namespace muster::store {
namespace {

#define MUSTER_ISSUED_COLUMNS                                                                           \
    "serial, fingerprint, authority, subject, registration_id, group_id, origin, certificate, issued, " \
    "not_after, revoked, reason"

IssuedCertificateRecord read_issued(const Row& row) {
    return {.serial = row.string(0),
            .fingerprint = row.string(1),
            .authority = row.string(2),
            .subject = row.string(3),
            .registration_id = row.string(4),
            .group_id = row.string(5),
            .origin = row.string(6),
            .certificate = row.byte_vector(7),
            .issued = row.time(8),
            .not_after = row.time(9),
            .revoked = row.is_null(10) ? std::nullopt : std::optional(row.time(10)),
            .reason = row.string(11)};
}

// Each way of choosing has an index that begins with it and goes on with the serial.
constexpr std::string_view all_issued =
    "SELECT " MUSTER_ISSUED_COLUMNS " FROM issued_certificate WHERE serial > $1 ORDER BY serial LIMIT $2";
constexpr std::string_view issued_to_group = "SELECT " MUSTER_ISSUED_COLUMNS
                                             " FROM issued_certificate WHERE group_key = $1 AND serial > $2 "
                                             "ORDER BY serial LIMIT $3";
constexpr std::string_view issued_to_device = "SELECT " MUSTER_ISSUED_COLUMNS
                                              " FROM issued_certificate WHERE registration_key = $1 AND serial > $2 "
                                              "ORDER BY serial LIMIT $3";
constexpr std::string_view revoked_of_authority =
    "SELECT " MUSTER_ISSUED_COLUMNS
    " FROM issued_certificate WHERE authority = $1 AND serial > $2 AND revoked IS NOT NULL ORDER BY serial LIMIT $3";
constexpr std::string_view all_revoked = "SELECT " MUSTER_ISSUED_COLUMNS
                                         " FROM issued_certificate WHERE serial > $1 AND revoked IS NOT NULL "
                                         "ORDER BY serial LIMIT $2";

#undef MUSTER_ISSUED_COLUMNS

}  // namespace

Result<> IssuingAuthorityTable::put(const IssuingAuthorityRecord& record) {
    if (record.active) MUSTER_CHECK(session_.execute("UPDATE issuing_authority SET active = 0 WHERE active <> 0", {}));
    MUSTER_CHECK(
        session_.execute("INSERT INTO issuing_authority (fingerprint, chain, active, created) VALUES ($1, $2, $3, $4) "
                         "ON CONFLICT (fingerprint) DO UPDATE SET chain = excluded.chain, active = excluded.active",
                         {record.fingerprint, record.chain, record.active, record.created}));
    return note_groups_change(session_);
}

Result<std::vector<IssuingAuthorityRecord>> IssuingAuthorityTable::list() {
    std::vector<IssuingAuthorityRecord> records;
    MUSTER_CHECK(session_.query(
        "SELECT fingerprint, chain, active, created FROM issuing_authority ORDER BY fingerprint", {},
        [&](const Row& row) { records.push_back({row.string(0), row.string(1), row.boolean(2), row.time(3)}); }));
    return records;
}

Result<std::optional<IssuedCertificateRecord>> IssuedCertificateTable::find(std::string_view serial) {
    std::optional<IssuedCertificateRecord> found;
    MUSTER_CHECK(session_.query(
        "SELECT serial, fingerprint, authority, subject, registration_id, group_id, origin, certificate, issued, "
        "not_after, revoked, reason FROM issued_certificate WHERE serial = $1",
        {serial}, [&](const Row& row) { found = read_issued(row); }));
    return found;
}

Result<> IssuedCertificateTable::insert(const IssuedCertificateRecord& record) {
    MUSTER_CHECK(session_.execute(
        "INSERT INTO issued_certificate (serial, fingerprint, authority, subject, registration_key, registration_id, "
        "group_key, group_id, origin, certificate, issued, not_after, reason) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '')",
        {record.serial, record.fingerprint, record.authority, record.subject, to_lower(record.registration_id),
         record.registration_id, to_lower(record.group_id), record.group_id, record.origin, record.certificate,
         record.issued, record.not_after}));
    return {};
}

Result<> IssuedCertificateTable::revoke(std::string_view serial, TimePoint when, std::string_view reason) {
    MUSTER_TRY(const auto rows,
               session_.execute("UPDATE issued_certificate SET revoked = $1, reason = $2 WHERE serial = $3",
                                {when, reason, serial}));
    if (rows > 0) return note_revocation(session_);
    return fail(Errc::not_found, "no certificate with the serial {} was issued here", printable(serial));
}

Result<std::vector<IssuedCertificateRecord>> IssuedCertificateTable::list(const IssuedFilter& filter,
                                                                          std::string_view after, std::size_t limit) {
    std::vector<IssuedCertificateRecord> records;
    const auto take = [&](const Row& row) { records.push_back(read_issued(row)); };
    const auto most = static_cast<std::int64_t>(limit);
    if (filter.revoked_only && !filter.authority.empty()) {
        MUSTER_CHECK(session_.query(revoked_of_authority, {filter.authority, after, most}, take));
    } else if (filter.revoked_only) {
        MUSTER_CHECK(session_.query(all_revoked, {after, most}, take));
    } else if (!filter.registration_id.empty()) {
        MUSTER_CHECK(session_.query(issued_to_device, {to_lower(filter.registration_id), after, most}, take));
    } else if (!filter.group_id.empty()) {
        MUSTER_CHECK(session_.query(issued_to_group, {to_lower(filter.group_id), after, most}, take));
    } else {
        MUSTER_CHECK(session_.query(all_issued, {after, most}, take));
    }
    return records;
}

Result<std::int64_t> IssuedCertificateTable::count_since(std::string_view registration_id, TimePoint since) {
    std::int64_t count = 0;
    MUSTER_CHECK(session_.query("SELECT COUNT(*) FROM issued_certificate WHERE registration_key = $1 AND issued >= $2",
                                {to_lower(registration_id), since}, [&](const Row& row) { count = row.integer(0); }));
    return count;
}

Result<std::int64_t> IssuedCertificateTable::erase_ended(TimePoint before) {
    return session_.execute("DELETE FROM issued_certificate WHERE not_after < $1", {before});
}

Result<std::optional<OneTimePasswordRecord>> OneTimePasswordTable::find(std::string_view registration_id) {
    std::optional<OneTimePasswordRecord> found;
    MUSTER_CHECK(session_.query(
        "SELECT registration_id, group_id, hash, created, expires, used_for FROM one_time_password "
        "WHERE registration_key = $1",
        {to_lower(registration_id)}, [&](const Row& row) {
            found = {row.string(0), row.string(1), row.byte_vector(2), row.time(3), row.time(4), row.string(5)};
        }));
    return found;
}

Result<> OneTimePasswordTable::put(const OneTimePasswordRecord& record) {
    MUSTER_CHECK(session_.execute(
        "INSERT INTO one_time_password (registration_key, registration_id, group_id, hash, created, expires, used_for) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (registration_key) DO UPDATE SET "
        "registration_id = excluded.registration_id, group_id = excluded.group_id, hash = excluded.hash, "
        "created = excluded.created, expires = excluded.expires, used_for = excluded.used_for",
        {to_lower(record.registration_id), record.registration_id, record.group_id, record.hash, record.created,
         record.expires, record.used_for}));
    return {};
}

Result<bool> OneTimePasswordTable::erase(std::string_view registration_id) {
    MUSTER_TRY(const auto rows, session_.execute("DELETE FROM one_time_password WHERE registration_key = $1",
                                                 {to_lower(registration_id)}));
    return rows > 0;
}

namespace {

#define MUSTER_CRL_HEAD                                                                                     \
    "group_id, issuer, list_hash, certificate, must_be_current, updated, source_url, source_certificates, " \
    "source_issuers, source_interval, source_due, source_fetched, source_failures, source_problem, list_begins"

GroupCrlRecord read_crl_head(const Row& row) {
    GroupCrlRecord record{.group_id = row.string(0),
                          .issuer = row.string(1),
                          .list = {},
                          .certificate = row.byte_vector(3),
                          .must_be_current = row.boolean(4),
                          .updated = row.time(5),
                          .source = {},
                          .list_hash = row.string(2),
                          .list_begins = row.time(14)};
    if (auto url = row.string(6); !url.empty())
        record.source = CrlSource{.url = std::move(url),
                                  .certificates = row.string(7),
                                  .issuers = row.string(8),
                                  .interval = std::chrono::seconds(row.integer(9)),
                                  .due = row.time(10),
                                  .fetched = row.time(11),
                                  .failures = row.integer(12),
                                  .problem = row.string(13)};
    return record;
}

GroupCrlRecord read_crl(const Row& row) {
    auto record = read_crl_head(row);
    record.list = row.byte_vector(15);
    return record;
}

constexpr std::string_view crl_heads_of_group =
    "SELECT " MUSTER_CRL_HEAD " FROM group_crl WHERE group_key = $1 ORDER BY issuer";
constexpr std::string_view all_crl_heads = "SELECT " MUSTER_CRL_HEAD " FROM group_crl ORDER BY group_key, issuer";
constexpr std::string_view one_crl_head =
    "SELECT " MUSTER_CRL_HEAD " FROM group_crl WHERE group_key = $1 AND issuer = $2";
constexpr std::string_view one_crl =
    "SELECT " MUSTER_CRL_HEAD ", list FROM group_crl WHERE group_key = $1 AND issuer = $2";

#undef MUSTER_CRL_HEAD

}  // namespace

Result<> GroupCrlTable::put(const GroupCrlRecord& record) {
    if (record.list.empty()) return fail(Errc::internal, "a revocation list is to be stored without the list");
    const auto source = record.source.value_or(CrlSource{});
    MUSTER_CHECK(session_.execute(
        "INSERT INTO group_crl (group_key, group_id, issuer, list, certificate, must_be_current, updated, source_url, "
        "source_certificates, source_issuers, source_interval, source_due, source_fetched, source_failures, "
        "source_problem, list_hash, list_begins) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) "
        "ON CONFLICT (group_key, issuer) DO UPDATE SET "
        "group_id = excluded.group_id, list = excluded.list, certificate = excluded.certificate, "
        "must_be_current = excluded.must_be_current, updated = excluded.updated, source_url = excluded.source_url, "
        "source_certificates = excluded.source_certificates, source_issuers = excluded.source_issuers, "
        "source_interval = excluded.source_interval, source_due = excluded.source_due, "
        "source_fetched = excluded.source_fetched, source_failures = excluded.source_failures, "
        "source_problem = excluded.source_problem, list_hash = excluded.list_hash, list_begins = excluded.list_begins",
        {to_lower(record.group_id), record.group_id, record.issuer, record.list, record.certificate,
         record.must_be_current, record.updated, source.url, source.certificates, source.issuers,
         static_cast<std::int64_t>(source.interval.count()), source.due, source.fetched, source.failures,
         source.problem, record.list_hash, record.list_begins}));
    return note_restriction(session_);
}

Result<> GroupCrlTable::note(const GroupCrlRecord& record) {
    const auto source = record.source.value_or(CrlSource{});
    MUSTER_CHECK(session_.execute(
        "UPDATE group_crl SET source_due = $1, source_fetched = $2, source_failures = $3, source_problem = $4 "
        "WHERE group_key = $5 AND issuer = $6",
        {source.due, source.fetched, source.failures, source.problem, to_lower(record.group_id), record.issuer}));
    return {};
}

Result<bool> GroupCrlTable::erase(std::string_view group_id, std::string_view issuer) {
    MUSTER_TRY(const auto rows, session_.execute("DELETE FROM group_crl WHERE group_key = $1 AND issuer = $2",
                                                 {to_lower(group_id), issuer}));
    MUSTER_CHECK(note_groups_change(session_));
    return rows > 0;
}

Result<> GroupCrlTable::erase_group(std::string_view group_id) {
    MUSTER_CHECK(session_.execute("DELETE FROM group_crl WHERE group_key = $1", {to_lower(group_id)}));
    return note_groups_change(session_);
}

Result<std::vector<GroupCrlRecord>> GroupCrlTable::list_group(std::string_view group_id) {
    std::vector<GroupCrlRecord> records;
    MUSTER_CHECK(session_.query(crl_heads_of_group, {to_lower(group_id)},
                                [&](const Row& row) { records.push_back(read_crl_head(row)); }));
    return records;
}

Result<std::vector<GroupCrlRecord>> GroupCrlTable::list() {
    std::vector<GroupCrlRecord> records;
    MUSTER_CHECK(session_.query(all_crl_heads, {}, [&](const Row& row) { records.push_back(read_crl_head(row)); }));
    return records;
}

Result<std::optional<GroupCrlRecord>> GroupCrlTable::find(std::string_view group_id, std::string_view issuer) {
    std::optional<GroupCrlRecord> found;
    MUSTER_CHECK(session_.query(one_crl, {to_lower(group_id), issuer}, [&](const Row& row) { found = read_crl(row); }));
    return found;
}

Result<std::optional<GroupCrlRecord>> GroupCrlTable::find_head(std::string_view group_id, std::string_view issuer) {
    std::optional<GroupCrlRecord> found;
    MUSTER_CHECK(session_.query(one_crl_head, {to_lower(group_id), issuer},
                                [&](const Row& row) { found = read_crl_head(row); }));
    return found;
}

Result<std::vector<CrlKey>> GroupCrlTable::due(TimePoint now, std::size_t limit) {
    std::vector<CrlKey> keys;
    MUSTER_CHECK(
        session_.query("SELECT group_id, issuer FROM group_crl WHERE source_url <> '' AND "
                       "(source_due <= $1 OR source_due > $1 + source_interval * 2000000) ORDER BY source_due LIMIT $2",
                       {now, static_cast<std::int64_t>(limit)},
                       [&](const Row& row) { keys.push_back({row.string(0), row.string(1)}); }));
    return keys;
}

Result<std::optional<TimePoint>> GroupCrlTable::next_due() {
    std::optional<TimePoint> next;
    MUSTER_CHECK(
        session_.query("SELECT MIN(source_due) FROM group_crl WHERE source_url <> ''", {}, [&](const Row& row) {
            if (!row.is_null(0)) next = row.time(0);
        }));
    return next;
}

}  // namespace muster::store
