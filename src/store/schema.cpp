#include "store/schema.h"

#include <array>
#include <vector>

namespace muster::store {
namespace {

// Step N brings version N-1 to N. A step that has shipped is never changed; what follows is a new step.
constexpr std::array steps{
    // 1: the first schema.
    std::string_view(R"sql(
CREATE TABLE enrollment (
    registration_key TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL,
    etag TEXT NOT NULL,
    body TEXT NOT NULL,
    primary_certificate BYTEA,
    secondary_certificate BYTEA,
    primary_key TEXT,
    secondary_key TEXT,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
CREATE TABLE enrollment_group (
    group_key TEXT PRIMARY KEY,
    group_id TEXT NOT NULL,
    etag TEXT NOT NULL,
    body TEXT NOT NULL,
    primary_certificate BYTEA,
    secondary_certificate BYTEA,
    primary_key TEXT,
    secondary_key TEXT,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
CREATE TABLE group_certificate (
    fingerprint TEXT PRIMARY KEY,
    group_key TEXT NOT NULL
);
CREATE INDEX group_certificate_by_group ON group_certificate (group_key);
CREATE TABLE ca_certificate (
    name_key TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    etag TEXT NOT NULL,
    certificate BYTEA NOT NULL,
    verified BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
CREATE TABLE registration (
    registration_key TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL,
    etag TEXT NOT NULL,
    group_key TEXT NOT NULL,
    group_id TEXT NOT NULL,
    status TEXT NOT NULL,
    substatus TEXT NOT NULL,
    assigned_hub TEXT NOT NULL,
    device_id TEXT NOT NULL,
    error_code BIGINT NOT NULL,
    error_message TEXT NOT NULL,
    payload TEXT NOT NULL,
    leaf_fingerprint TEXT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
CREATE INDEX registration_by_group ON registration (group_key, registration_key) WHERE group_key <> '';
CREATE INDEX registration_by_time ON registration (updated, status);
CREATE TABLE identity (
    device_id TEXT NOT NULL,
    module_id TEXT NOT NULL,
    generation_id TEXT NOT NULL,
    etag TEXT NOT NULL,
    status TEXT NOT NULL,
    status_reason TEXT NOT NULL,
    status_updated BIGINT NOT NULL,
    authentication TEXT NOT NULL,
    primary_key TEXT NOT NULL,
    secondary_key TEXT NOT NULL,
    primary_thumbprint TEXT NOT NULL,
    secondary_thumbprint TEXT NOT NULL,
    edge BIGINT NOT NULL,
    device_scope TEXT NOT NULL,
    parent_scopes TEXT NOT NULL,
    managed_by TEXT NOT NULL,
    created BIGINT NOT NULL,
    twin_version BIGINT NOT NULL,
    twin_etag TEXT NOT NULL,
    tags TEXT NOT NULL,
    desired TEXT NOT NULL,
    desired_version BIGINT NOT NULL,
    desired_updated BIGINT NOT NULL,
    reported TEXT NOT NULL,
    reported_version BIGINT NOT NULL,
    reported_updated BIGINT NOT NULL,
    PRIMARY KEY (device_id, module_id)
);
CREATE INDEX identity_devices ON identity (device_id, status) WHERE module_id = '';
)sql"),
    // 2: the code that proof of possession of a CA's key is asked for.
    std::string_view(R"sql(
ALTER TABLE ca_certificate ADD COLUMN verification_code TEXT NOT NULL DEFAULT '';
)sql"),
    // 3: devices counted by status from an index that grows at its end. Beginning with the device id it cost every
    // registration a page of its own in a large store, and the counts read the table besides.
    std::string_view(R"sql(
DROP INDEX identity_devices;
CREATE INDEX identity_by_status ON identity (status, module_id) WHERE module_id = '';
)sql"),
    // 4: a group's registrations in the order in which they were first made: an index that grows at its end. By name it
    // cost every new registration a page of its own in a large store.
    std::string_view(R"sql(
DROP INDEX registration_by_group;
CREATE INDEX registration_by_group ON registration (group_key, created, registration_key) WHERE group_key <> '';
)sql"),
    // 5: the journal (store/journal.h). Its key is the row's own number, which costs a registration no index; the index
    // over changes alone is what the audit trail is read by.
    std::string_view(R"sql(
CREATE TABLE journal (
    id INTEGER PRIMARY KEY,
    time BIGINT NOT NULL,
    type TEXT NOT NULL,
    subject TEXT NOT NULL,
    actor TEXT NOT NULL,
    peer TEXT NOT NULL,
    tracking_id TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX journal_changes ON journal (id) WHERE actor <> '';
CREATE TABLE mark (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
)sql"),
    // 6: the service's own certificate authority: its CAs, what they issued, passwords to enrol with; and revocation
    // lists that operators give to groups.
    std::string_view(R"sql(
CREATE TABLE issuing_authority (
    fingerprint TEXT PRIMARY KEY,
    chain TEXT NOT NULL,
    active BIGINT NOT NULL,
    created BIGINT NOT NULL
);
CREATE TABLE issued_certificate (
    serial TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    authority TEXT NOT NULL,
    subject TEXT NOT NULL,
    registration_key TEXT NOT NULL,
    registration_id TEXT NOT NULL,
    group_key TEXT NOT NULL,
    group_id TEXT NOT NULL,
    origin TEXT NOT NULL,
    certificate BYTEA NOT NULL,
    issued BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    revoked BIGINT,
    reason TEXT NOT NULL
);
CREATE INDEX issued_certificate_by_device ON issued_certificate (registration_key, serial);
CREATE INDEX issued_certificate_by_group ON issued_certificate (group_key, serial);
CREATE INDEX issued_certificate_revoked ON issued_certificate (authority, serial) WHERE revoked IS NOT NULL;
CREATE TABLE one_time_password (
    registration_key TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    hash BYTEA NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    used_for TEXT NOT NULL
);
CREATE TABLE group_crl (
    group_key TEXT NOT NULL,
    group_id TEXT NOT NULL,
    issuer TEXT NOT NULL,
    list BYTEA NOT NULL,
    certificate BYTEA NOT NULL,
    must_be_current BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    PRIMARY KEY (group_key, issuer)
);
ALTER TABLE registration ADD COLUMN issued_serial TEXT NOT NULL DEFAULT '';
)sql"),
    // 7: keys for the hub, wrapped for devices' TPMs.
    std::string_view(R"sql(
CREATE TABLE tpm_key (
    registration_key TEXT NOT NULL,
    storage_key TEXT NOT NULL,
    made_of TEXT NOT NULL,
    wrapped_key TEXT NOT NULL,
    proven BIGINT NOT NULL,
    asked BIGINT NOT NULL,
    PRIMARY KEY (registration_key, storage_key)
);
)sql"),
    // 8: hubs to send devices to, the service's own settings, and the outbox (store/outbox.h).
    std::string_view(R"sql(
CREATE TABLE linked_hub (
    name_key TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    etag TEXT NOT NULL,
    address TEXT NOT NULL,
    policy TEXT NOT NULL,
    key TEXT NOT NULL,
    certificates TEXT NOT NULL,
    location TEXT NOT NULL,
    weight BIGINT NOT NULL,
    allocates BIGINT NOT NULL,
    latencies TEXT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
CREATE TABLE service_setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE outbox (
    task_key TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    queue TEXT NOT NULL,
    body TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due BIGINT NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX outbox_by_queue ON outbox (queue, due);
CREATE INDEX outbox_by_age ON outbox (queue, created);
)sql"),
    // 9: revocation lists that the service fetches by itself.
    std::string_view(R"sql(
ALTER TABLE group_crl ADD COLUMN source_url TEXT NOT NULL DEFAULT '';
ALTER TABLE group_crl ADD COLUMN source_certificates TEXT NOT NULL DEFAULT '';
ALTER TABLE group_crl ADD COLUMN source_issuers TEXT NOT NULL DEFAULT '';
ALTER TABLE group_crl ADD COLUMN source_interval BIGINT NOT NULL DEFAULT 0;
ALTER TABLE group_crl ADD COLUMN source_due BIGINT NOT NULL DEFAULT 0;
ALTER TABLE group_crl ADD COLUMN source_fetched BIGINT NOT NULL DEFAULT 0;
ALTER TABLE group_crl ADD COLUMN source_failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE group_crl ADD COLUMN source_problem TEXT NOT NULL DEFAULT '';
)sql"),
    // 10: trust bundles, and which enrollments name them.
    std::string_view(R"sql(
CREATE TABLE trust_bundle (
    id_key TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    etag TEXT NOT NULL,
    certificates TEXT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
ALTER TABLE enrollment ADD COLUMN trust_bundle TEXT NOT NULL DEFAULT '';
ALTER TABLE enrollment ADD COLUMN trust_bundle_key TEXT NOT NULL DEFAULT '';
ALTER TABLE enrollment_group ADD COLUMN trust_bundle TEXT NOT NULL DEFAULT '';
ALTER TABLE enrollment_group ADD COLUMN trust_bundle_key TEXT NOT NULL DEFAULT '';
CREATE INDEX enrollment_by_trust_bundle ON enrollment (trust_bundle_key) WHERE trust_bundle_key <> '';
CREATE INDEX enrollment_group_by_trust_bundle ON enrollment_group (trust_bundle_key) WHERE trust_bundle_key <> '';
)sql"),
    // 11: what several musterds on one database agree by (store/shared_files.h, store/outbox_claims.h); empty where
    // there is one.
    std::string_view(R"sql(
CREATE TABLE shared_file (
    name TEXT PRIMARY KEY,
    content BYTEA NOT NULL,
    version BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
CREATE TABLE outbox_claim (
    subject TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    until BIGINT NOT NULL
);
)sql"),
    // 12: what revocation lists are told apart by without reading them: they can be large. Empty for those of before.
    std::string_view(R"sql(
ALTER TABLE group_crl ADD COLUMN list_hash TEXT NOT NULL DEFAULT '';
ALTER TABLE group_crl ADD COLUMN list_begins BIGINT NOT NULL DEFAULT 0;
)sql"),
};

// A list of steps, and the table that remembers how many of them were taken.
struct Schema {
    std::span<const std::string_view> steps;
    std::string table;

    std::int64_t newest() const { return static_cast<std::int64_t>(steps.size()); }
};

// Errc::unsupported for one that is not known here.
Result<std::int64_t> current_version(Session& session, const Schema& schema) {
    std::int64_t version = 0;
    MUSTER_CHECK(session.query(fmt::format("SELECT COALESCE(MAX(version), 0) FROM {}", schema.table), {},
                               [&](const Row& row) { version = row.integer(0); }));
    if (version <= schema.newest()) return version;
    return fail(Error(Errc::unsupported,
                      fmt::format("the database has schema version {} ({}), this musterd knows versions up to {}",
                                  version, schema.table, schema.newest()))
                    .with_hint("start the version of musterd that wrote it, or a later one"));
}

Result<> step_to(Session& session, const Schema& schema, std::int64_t version) {
    MUSTER_CHECK(session.script(schema.steps[static_cast<std::size_t>(version - 1)]));
    MUSTER_CHECK(session.execute(fmt::format("DELETE FROM {}", schema.table), {}));
    MUSTER_CHECK(session.execute(fmt::format("INSERT INTO {} (version) VALUES ($1)", schema.table), {version}));
    return session.announce(Topic::schema);
}

// One step, or none when it is at the newest; which version it has then. Another musterd may have taken the step.
Result<std::int64_t> bring_forward(Session& session, const Schema& schema) {
    MUSTER_CHECK(session.script(fmt::format("CREATE TABLE IF NOT EXISTS {} (version BIGINT NOT NULL)", schema.table)));
    MUSTER_TRY(const auto version, current_version(session, schema));
    if (version == schema.newest()) return version;
    MUSTER_CHECK(step_to(session, schema, version + 1));
    return version + 1;
}

Result<> migrate(Driver& driver, const Schema& schema) {
    for (std::int64_t version = -1; version < schema.newest();)
        MUSTER_CHECK(driver.write_alone([&](Session& session) -> Result<> {
            MUSTER_TRY(version, bring_forward(session, schema));
            return {};
        }));
    return {};
}

// That of the tables, and what the driver needs besides.
std::vector<Schema> schemas(std::span<const std::string_view> own_schema) {
    std::vector<Schema> all{{.steps = steps, .table = "schema_version"}};
    if (!own_schema.empty()) all.push_back({.steps = own_schema, .table = "driver_schema_version"});
    return all;
}

}  // namespace

Result<> migrate(Driver& driver) {
    for (const auto& schema : schemas(driver.own_schema())) MUSTER_CHECK(migrate(driver, schema));
    return {};
}

Result<> check_known(Session& session, std::span<const std::string_view> own_schema) {
    for (const auto& schema : schemas(own_schema)) MUSTER_CHECK(current_version(session, schema));
    return {};
}

}  // namespace muster::store
