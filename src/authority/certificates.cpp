#include "authority/certificates.h"

#include <set>

#include "base/log.h"
#include "base/text.h"
#include "store/topic_versions.h"

namespace muster::authority {
namespace {

using store::IssuedCertificateRecord;
using store::Tx;

constexpr std::size_t list_page = 1000;
constexpr std::size_t max_page = 1000;
constexpr auto clock_skew = std::chrono::minutes(5);
// While the database is away, nobody waits for it to say whether a list is the newest but once in that time.
constexpr auto between_failed_looks = std::chrono::seconds(10);

std::string read_serial(std::string_view text) {
    std::string serial;
    for (const char c : text)
        if (c != ':') serial += c;
    return to_upper(serial);
}

std::string_view status_of(const IssuedCertificateRecord& record, TimePoint now) {
    if (record.revoked) return "revoked";
    return record.not_after < now ? "expired" : "valid";
}

json::object to_json(const IssuedCertificateRecord& record, TimePoint now) {
    json::object out{{"serialNumber", record.serial},
                     {"subject", record.subject},
                     {"registrationId", record.registration_id},
                     {"status", status_of(record, now)},
                     {"origin", record.origin},
                     {"sha256Thumbprint", record.fingerprint},
                     {"issuedUtc", format_utc(record.issued)},
                     {"notAfterUtc", format_utc(record.not_after)}};
    if (!record.group_id.empty()) out["enrollmentGroupId"] = record.group_id;
    if (record.revoked) {
        out["revokedUtc"] = format_utc(*record.revoked);
        out["reason"] = record.reason;
    }
    return out;
}

bool fits(const IssuedCertificateRecord& record, const CertificateFilter& filter) {
    return (filter.group_id.empty() || equals_ignore_case(record.group_id, filter.group_id)) &&
           (filter.registration_id.empty() || equals_ignore_case(record.registration_id, filter.registration_id)) &&
           (!filter.revoked_only || record.revoked);
}

bool is_edge_ca(const IssuedCertificateRecord& record) {
    return record.origin == edge_ca_origin;
}

bool is_in_force(const IssuedCertificateRecord& record, TimePoint now) {
    return !record.revoked && record.not_after >= now;
}

// The edge CAs of a device that is left without a certificate of its own: they would renew themselves without end.
// None while it has another one.
Result<std::vector<IssuedCertificateRecord>> edge_cas_left_by(Tx& tx, const IssuedCertificateRecord& revoked,
                                                              TimePoint now) {
    std::vector<IssuedCertificateRecord> edge_cas;
    if (is_edge_ca(revoked)) return edge_cas;
    for (std::string after;;) {
        MUSTER_TRY(auto page,
                   tx.issued_certificates().list({.registration_id = revoked.registration_id}, after, list_page));
        const bool is_last = page.size() < list_page;
        if (!is_last) after = page.back().serial;
        for (auto& record : page) {
            if (!is_in_force(record, now)) continue;
            if (!is_edge_ca(record)) return std::vector<IssuedCertificateRecord>();
            edge_cas.push_back(std::move(record));
        }
        if (is_last) return edge_cas;
    }
}

Error no_such(std::string_view serial) {
    return Error(Errc::not_found, fmt::format("no certificate with the serial {} was issued here", printable(serial)));
}

// Certificates that ended leave the list with its next edition (RFC 5280 3.3): no one relies on them.
Result<std::vector<pki::Revocation>> revoked_of(Tx& tx, const IssuingCa& ca, TimePoint now) {
    std::vector<pki::Revocation> entries;
    std::string after;
    for (;;) {
        MUSTER_TRY(const auto page,
                   tx.issued_certificates().list(
                       {.group_id = {}, .registration_id = {}, .revoked_only = true, .authority = ca.fingerprint},
                       after, list_page));
        for (const auto& record : page) {
            if (!record.revoked || record.not_after < now) continue;
            const auto reason = pki::parse_revocation_reason(record.reason);
            entries.push_back({record.serial, *record.revoked, reason.value_or(pki::RevocationReason::unspecified)});
        }
        if (page.size() < list_page) return entries;
        after = page.back().serial;
    }
}

}  // namespace

Task<Result<json::object>> Certificates::get(std::string serial) {
    serial = read_serial(serial);
    co_return co_await store_.read([&](Tx& tx) -> Result<json::object> {
        MUSTER_TRY(const auto record, tx.issued_certificates().find(serial));
        if (!record) return fail(no_such(serial));
        auto out = to_json(*record, clock_.now());
        MUSTER_TRY(const auto certificate, pki::Certificate::from_der(record->certificate));
        out["certificate"] = certificate.pem();
        return out;
    });
}

Task<Result<CertificatePage>> Certificates::list(CertificateFilter filter, std::string continuation,
                                                 std::size_t limit) {
    limit = std::clamp<std::size_t>(limit, 1, max_page);
    co_return co_await store_.read([&](Tx& tx) -> Result<CertificatePage> {
        MUSTER_TRY(const auto records, tx.issued_certificates().list({.group_id = filter.group_id,
                                                                      .registration_id = filter.registration_id,
                                                                      .revoked_only = filter.revoked_only,
                                                                      .authority = {}},
                                                                     continuation, limit));
        CertificatePage page;
        for (const auto& record : records)
            if (fits(record, filter)) page.items.push_back(to_json(record, clock_.now()));
        if (records.size() == limit) page.continuation = records.back().serial;
        return page;
    });
}

Result<> Certificates::revoke_one(Tx& tx, IssuedCertificateRecord& record, TimePoint now, std::string_view reason,
                                  const store::Origin& by, std::vector<Afterwards>& afterwards) const {
    record.revoked = now;
    record.reason = reason;
    MUSTER_CHECK(tx.issued_certificates().revoke(record.serial, now, reason));
    MUSTER_CHECK(tx.journal().change(by, now, "certificate.revoked", record.registration_id,
                                     {{"serialNumber", record.serial}, {"reason", reason}}));
    if (!also_) return {};
    MUSTER_TRY(auto after, also_(tx, record));
    afterwards.push_back(std::move(after));
    return {};
}

Task<Result<json::object>> Certificates::revoke(std::string serial, pki::RevocationReason reason, store::Origin by) {
    serial = read_serial(serial);
    struct Revoked {
        IssuedCertificateRecord record;
        std::vector<IssuedCertificateRecord> edge_cas;
        std::vector<Afterwards> afterwards;
    };
    MUSTER_CO_TRY(auto revoked, co_await store_.transact([&](Tx& tx) -> Result<Revoked> {
        MUSTER_TRY(auto found, tx.issued_certificates().find(serial));
        if (!found) return fail(no_such(serial));
        if (found->revoked)
            return fail(Errc::conflict, "the certificate {} of '{}' was revoked at {} ({})", serial,
                        found->registration_id, format_utc_seconds(*found->revoked), found->reason);
        const auto now = clock_.now();
        Revoked out{.record = std::move(*found), .edge_cas = {}, .afterwards = {}};
        MUSTER_CHECK(revoke_one(tx, out.record, now, pki::to_string(reason), by, out.afterwards));
        MUSTER_TRY(out.edge_cas, edge_cas_left_by(tx, out.record, now));
        for (auto& edge_ca : out.edge_cas)
            MUSTER_CHECK(revoke_one(tx, edge_ca, now, pki::to_string(reason), by, out.afterwards));
        return out;
    }));
    for (const auto& afterwards : revoked.afterwards)
        if (afterwards) afterwards();
    auto answer = to_json(revoked.record, clock_.now());
    std::set<std::string> authorities{revoked.record.authority};
    json::array edge_cas;
    for (const auto& edge_ca : revoked.edge_cas) {
        authorities.insert(edge_ca.authority);
        edge_cas.push_back(to_json(edge_ca, clock_.now()));
    }
    for (const auto& authority : authorities)
        if (const auto ca = authority_.find(authority.substr(0, 16)); ca != nullptr) co_await renew(ca);
    if (!edge_cas.empty()) answer["edgeCas"] = std::move(edge_cas);
    co_return answer;
}

// The revocation stands by now: a list that cannot be made at the moment is made when it is next asked for.
Task<void> Certificates::renew(std::shared_ptr<const IssuingCa> ca) {
    {
        const std::lock_guard lock(mutex_);
        auto& slot = slots_[ca->id()];
        slot.outdated = true;
        ++slot.number;  // a list that is being made of what was read before does not count as the newest
    }
    if (const auto made = co_await made_anew(ca); !made)
        log::error("the revocation list could not be made", {{"authority", ca->id()}, {"error", made.error().chain()}});
}

// Microseconds since 1970, or one more than the last: lists of one moment differ, and none goes back with the clock.
std::uint64_t Certificates::next_number(const std::string& id, TimePoint now) {
    const std::lock_guard lock(mutex_);
    auto& number = slots_[id].number;
    number = std::max(number + 1, static_cast<std::uint64_t>(now.time_since_epoch().count()));
    return number;
}

// The number before the records: of two editions, the one that read later must not have the lower number. Where others
// publish lists of that CA, too, both are one transaction, and the last number is in the store.
Task<Result<pki::CrlContent>> Certificates::next_edition(std::shared_ptr<const IssuingCa> ca, TimePoint now,
                                                         std::uint64_t number) {
    pki::CrlContent content{.entries = {},
                            .number = number,
                            .this_update = now - clock_skew,
                            .next_update = now + authority_.policy().crl_life};
    if (!store_.is_shared()) {
        MUSTER_CO_TRY(content.entries, co_await store_.read([&](Tx& tx) { return revoked_of(tx, *ca, now); }));
        co_return content;
    }
    co_return co_await store_.transact([&](Tx& tx) -> Result<pki::CrlContent> {
        const auto mark = fmt::format("crl.{}", ca->id());
        MUSTER_TRY(const auto last, tx.marks().find(mark));
        auto edition = content;
        edition.number = std::max(number, static_cast<std::uint64_t>(last.value_or(0)) + 1);
        MUSTER_CHECK(tx.marks().put(mark, static_cast<std::int64_t>(edition.number)));
        MUSTER_TRY(edition.entries, revoked_of(tx, *ca, now));
        return edition;
    });
}

Task<Result<>> Certificates::publish(std::shared_ptr<const IssuingCa> ca) {
    const auto id = ca->id();
    const auto now = clock_.now();
    const auto number = next_number(id, now);
    MUSTER_CO_TRY(const auto content, co_await next_edition(ca, now, number));
    MUSTER_CO_TRY(auto der, co_await authority_.worker().run(
                                [&] { return pki::make_crl(content, {ca->certificate(), *ca->key}); }));
    const auto made = std::make_shared<const PublishedList>(
        PublishedList{std::move(der), content.this_update, content.next_update, content.entries.size()});
    log::info("revocation list", {{"authority", id},
                                  {"entries", made->entries},
                                  {"number", content.number},
                                  {"nextUpdate", format_utc_seconds(made->next_update)}});
    const std::lock_guard lock(mutex_);
    auto& slot = slots_[id];
    slot.list = made;
    slot.outdated = number != slot.number;
    co_return Result<>();
}

Task<Result<Certificates::List>> Certificates::made_anew(std::shared_ptr<const IssuingCa> ca) {
    std::shared_ptr<OneReading> readers;
    {
        const std::lock_guard lock(mutex_);
        auto& slot = slots_[ca->id()];
        if (!slot.readers) slot.readers = std::make_shared<OneReading>([this, ca] { return publish(ca); });
        readers = slot.readers;
    }
    const auto made = co_await readers->ask();
    const std::lock_guard lock(mutex_);
    const auto& list = slots_[ca->id()].list;
    // What there is serves until it ends.
    if (made || (list && clock_.now() < list->next_update)) co_return list;
    co_return std::unexpected(made.error());
}

void Certificates::lists_are_outdated() {
    const std::lock_guard lock(mutex_);
    for (auto& [id, slot] : slots_) {
        slot.outdated = true;
        ++slot.number;  // a list that is being made of what was read before does not count as the newest
    }
}

Task<Result<>> Certificates::look() {
    MUSTER_CO_TRY(const auto version,
                  co_await store_.read([](Tx& tx) { return tx.marks().find(store::revocations_version_mark); }));
    if (revocations_.exchange(version.value_or(0)) != version.value_or(0)) lists_are_outdated();
    co_return Result<>();
}

// Whether the lists are known to be what others have revoked, too, or known to lack something.
Task<bool> Certificates::looked() {
    if (!store_.is_shared()) co_return true;
    const auto now = std::chrono::steady_clock::now();
    if (now.time_since_epoch().count() < look_again_) co_return false;
    const bool sure = (co_await authority_.make_sure()) && (co_await lookout_.make_sure());
    if (!sure) look_again_ = (std::chrono::steady_clock::now() + between_failed_looks).time_since_epoch().count();
    co_return sure;
}

// The list of the slot, if it may be given out as it is.
Certificates::List Certificates::usable(Slot& slot, bool looked) const {
    const auto now = clock_.now();
    if (!slot.list || now >= slot.list->next_update) return nullptr;
    if (!looked) return slot.list;
    if (slot.outdated) return nullptr;
    const bool young = now < slot.list->next_update - authority_.policy().crl_life / 2;
    return young || std::exchange(slot.renewing, true) ? slot.list : nullptr;
}

Task<Result<std::shared_ptr<const PublishedList>>> Certificates::revocation_list(std::string id) {
    const bool sure = co_await looked();
    const auto ca = authority_.find(id);
    if (ca == nullptr && !sure)
        co_return fail(Errc::unavailable, "the database does not say whether there is a revocation list '{}'",
                       printable(id));
    if (ca == nullptr) co_return fail(Errc::not_found, "there is no revocation list '{}' here", printable(id));
    {
        const std::lock_guard lock(mutex_);
        if (auto list = usable(slots_[ca->id()], sure)) co_return list;
    }
    auto list = co_await made_anew(ca);
    const std::lock_guard lock(mutex_);
    slots_[ca->id()].renewing = false;
    co_return list;
}

}  // namespace muster::authority
