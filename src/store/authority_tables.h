// Typed access to the authority's records; part of store/tx.h.
#pragma once

#include <string_view>
#include <vector>

#include "store/authority_records.h"
#include "store/session.h"

namespace muster::store {

class IssuingAuthorityTable {
public:
    explicit IssuingAuthorityTable(Session& session) : session_(session) {}
    // Inserts or replaces; an active one takes the place of the one that was.
    Result<> put(const IssuingAuthorityRecord& record);
    Result<std::vector<IssuingAuthorityRecord>> list();

private:
    Session& session_;
};

// Which issued certificates a listing shows; empty members do not choose.
struct IssuedFilter {
    std::string_view group_id;
    std::string_view registration_id;
    bool revoked_only = false;
    std::string_view authority;  // with revoked_only
};

class IssuedCertificateTable {
public:
    explicit IssuedCertificateTable(Session& session) : session_(session) {}
    Result<std::optional<IssuedCertificateRecord>> find(std::string_view serial);
    Result<> insert(const IssuedCertificateRecord& record);
    // Errc::not_found without such a certificate.
    Result<> revoke(std::string_view serial, TimePoint when, std::string_view reason);
    // By serial, in order; `after` is the serial of the last of the page before.
    Result<std::vector<IssuedCertificateRecord>> list(const IssuedFilter& filter, std::string_view after,
                                                      std::size_t limit);
    // How many a device was given since then.
    Result<std::int64_t> count_since(std::string_view registration_id, TimePoint since);
    // Forgets those that ended before then.
    Result<std::int64_t> erase_ended(TimePoint before);

private:
    Session& session_;
};

class OneTimePasswordTable {
public:
    explicit OneTimePasswordTable(Session& session) : session_(session) {}
    Result<std::optional<OneTimePasswordRecord>> find(std::string_view registration_id);
    // Inserts or replaces: a device has one at most.
    Result<> put(const OneTimePasswordRecord& record);
    Result<bool> erase(std::string_view registration_id);

private:
    Session& session_;
};

class GroupCrlTable {
public:
    explicit GroupCrlTable(Session& session) : session_(session) {}
    // With its list.
    Result<> put(const GroupCrlRecord& record);
    Result<bool> erase(std::string_view group_id, std::string_view issuer);
    Result<> erase_group(std::string_view group_id);
    Result<std::optional<GroupCrlRecord>> find(std::string_view group_id, std::string_view issuer);
    // These leave the lists out: they can be large, and who looks at all of them most often wants none.
    Result<std::optional<GroupCrlRecord>> find_head(std::string_view group_id, std::string_view issuer);
    Result<std::vector<GroupCrlRecord>> list_group(std::string_view group_id);
    Result<std::vector<GroupCrlRecord>> list();
    // How fetching went, and when it goes on; the list stays as it is.
    Result<> note(const GroupCrlRecord& record);
    // Lists that are to be fetched by then, the longest due first. One whose time is more than two intervals away was
    // put off by a clock that has been set back since: it is due.
    Result<std::vector<CrlKey>> due(TimePoint now, std::size_t limit);
    // When the next is due; nothing when none is ever fetched.
    Result<std::optional<TimePoint>> next_due();

private:
    Session& session_;
};

}  // namespace muster::store
