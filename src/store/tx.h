// Typed access to the records inside one transaction: no SQL beyond this room.
#pragma once

#include <functional>
#include <map>
#include <string_view>
#include <vector>

#include "store/authority_tables.h"
#include "store/journal.h"
#include "store/linked_hubs.h"
#include "store/outbox.h"
#include "store/outbox_claims.h"
#include "store/records.h"
#include "store/session.h"
#include "store/shared_files.h"
#include "store/tpm_keys.h"
#include "store/trust_bundles.h"

namespace muster::store {

// Listing goes by key, in order: `after` is the key of the last record of the page before, empty for the first page.
struct Page {
    std::string_view after;
    std::size_t limit = 100;
};

class EnrollmentTable {
public:
    enum class Kind { individual, group };
    EnrollmentTable(Session& session, Kind kind) : session_(session), kind_(kind) {}

    Result<std::optional<EnrollmentRecord>> find(std::string_view id);
    // Inserts or replaces.
    Result<> put(const EnrollmentRecord& record);
    Result<bool> erase(std::string_view id);
    Result<std::vector<EnrollmentRecord>> list(Page page);
    Result<std::int64_t> count();

private:
    Result<> announce_change();

    Session& session_;
    Kind kind_;
};

// Which group a signing certificate belongs to; one certificate serves one group.
class GroupCertificateTable {
public:
    explicit GroupCertificateTable(Session& session) : session_(session) {}
    // Replaces the certificates of the group. Errc::conflict naming the other group when one is taken.
    Result<> replace(std::string_view group_id, const std::vector<std::string>& fingerprints);

private:
    Session& session_;
};

class CaCertificateTable {
public:
    explicit CaCertificateTable(Session& session) : session_(session) {}
    Result<std::optional<CaCertificateRecord>> find(std::string_view name);
    Result<> put(const CaCertificateRecord& record);
    Result<bool> erase(std::string_view name);
    Result<std::vector<CaCertificateRecord>> list();

private:
    Session& session_;
};

// Where a listing of registrations goes on: behind this one. They are listed in the order they were first made.
struct RegistrationPlace {
    TimePoint created{};
    std::string id;
};

class RegistrationTable {
public:
    explicit RegistrationTable(Session& session) : session_(session) {}
    Result<std::optional<RegistrationRecord>> find(std::string_view registration_id);
    Result<> put(const RegistrationRecord& record);
    Result<bool> erase(std::string_view registration_id);
    Result<std::vector<RegistrationRecord>> list_group(std::string_view group_id, const RegistrationPlace& after,
                                                       std::size_t limit);
    Result<std::vector<RegistrationRecord>> latest(std::size_t limit);
    Result<std::map<std::string, std::int64_t>> count_by_status();

private:
    Session& session_;
};

class IdentityTable {
public:
    explicit IdentityTable(Session& session) : session_(session) {}
    Result<std::optional<IdentityRecord>> find(std::string_view device_id, std::string_view module_id = "");
    // Errc::already_exists when it is there.
    Result<> insert(const IdentityRecord& record);
    Result<> update(const IdentityRecord& record);
    // A device takes its modules with it.
    Result<bool> erase(std::string_view device_id, std::string_view module_id = "");
    Result<std::vector<IdentityRecord>> list_devices(Page page);
    Result<std::vector<IdentityRecord>> list_modules(std::string_view device_id);
    // Devices by status ("enabled", "disabled").
    Result<std::map<std::string, std::int64_t>> count_devices();
    Result<std::int64_t> count_modules();

private:
    Session& session_;
};

class Tx {
public:
    explicit Tx(Session& session) : session_(session) {}
    EnrollmentTable enrollments() { return {session_, EnrollmentTable::Kind::individual}; }
    EnrollmentTable enrollment_groups() { return {session_, EnrollmentTable::Kind::group}; }
    GroupCertificateTable group_certificates() { return GroupCertificateTable(session_); }
    CaCertificateTable ca_certificates() { return CaCertificateTable(session_); }
    RegistrationTable registrations() { return RegistrationTable(session_); }
    IdentityTable identities() { return IdentityTable(session_); }
    IssuingAuthorityTable issuing_authorities() { return IssuingAuthorityTable(session_); }
    IssuedCertificateTable issued_certificates() { return IssuedCertificateTable(session_); }
    OneTimePasswordTable one_time_passwords() { return OneTimePasswordTable(session_); }
    GroupCrlTable group_crls() { return GroupCrlTable(session_); }
    TrustBundleTable trust_bundles() { return TrustBundleTable(session_); }
    TpmKeyTable tpm_keys() { return TpmKeyTable(session_); }
    JournalTable journal() { return {session_, journaled_}; }
    LinkedHubTable linked_hubs() { return LinkedHubTable(session_); }
    SettingTable settings() { return SettingTable(session_); }
    OutboxTable outbox() { return OutboxTable(session_); }
    OutboxClaimTable outbox_claims() { return OutboxClaimTable(session_); }
    SharedFileTable shared_files() { return SharedFileTable(session_); }
    MarkTable marks() { return MarkTable(session_); }
    // That this transaction has written to the journal.
    bool journaled() const { return journaled_; }

private:
    Session& session_;
    bool journaled_ = false;
};

}  // namespace muster::store
