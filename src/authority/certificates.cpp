#include "authority/certificates.h"

#include <set>

#include "base/log.h"
#include "base/text.h"

namespace muster::authority {
namespace {

using store::IssuedCertificateRecord;
using store::Tx;

constexpr std::size_t list_page = 1000;
constexpr std::size_t max_page = 1000;
constexpr auto clock_skew = std::chrono::minutes(5);

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
        slot.list.reset();
        ++slot.number;  // a list that is being made of what was read before does not take the place of the next one
    }
    if (const auto made = co_await publish(ca); !made)
        log::error("the revocation list could not be made", {{"authority", ca->id()}, {"error", made.error().chain()}});
}

// Microseconds since 1970, or one more than the last: lists of one moment differ, and none goes back with the clock.
std::uint64_t Certificates::next_number(const std::string& id, TimePoint now) {
    const std::lock_guard lock(mutex_);
    auto& number = slots_[id].number;
    number = std::max(number + 1, static_cast<std::uint64_t>(now.time_since_epoch().count()));
    return number;
}

Task<Result<std::shared_ptr<const PublishedList>>> Certificates::publish(std::shared_ptr<const IssuingCa> ca) {
    const auto id = ca->id();
    const auto now = clock_.now();
    // Before the records are read: of two editions, the one that read later must not have the lower number.
    pki::CrlContent content{.entries = {},
                            .number = next_number(id, now),
                            .this_update = now - clock_skew,
                            .next_update = now + authority_.policy().crl_life};
    MUSTER_CO_TRY(content.entries, co_await store_.read([&](Tx& tx) { return revoked_of(tx, *ca, now); }));
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
    if (content.number == slot.number) {
        slot.list = made;
        slot.outdated = false;
    }
    co_return made;
}

void Certificates::lists_are_outdated() {
    const std::lock_guard lock(mutex_);
    for (auto& [id, slot] : slots_) {
        slot.outdated = true;
        ++slot.number;  // a list that is being made of what was read before does not count as the newest
    }
}

Task<Result<std::shared_ptr<const PublishedList>>> Certificates::revocation_list(std::string id) {
    const auto ca = authority_.find(id);
    if (ca == nullptr) co_return fail(Errc::not_found, "there is no revocation list '{}' here", printable(id));
    const auto now = clock_.now();
    {
        const std::lock_guard lock(mutex_);
        auto& slot = slots_[ca->id()];
        if (slot.list) {
            const bool young = !slot.outdated && now < slot.list->next_update - authority_.policy().crl_life / 2;
            if (young || (slot.renewing && now < slot.list->next_update)) co_return slot.list;
        }
        slot.renewing = true;
    }
    auto made = co_await publish(ca);
    const std::lock_guard lock(mutex_);
    auto& slot = slots_[ca->id()];
    slot.renewing = false;
    // What there is serves until it ends.
    if (!made && slot.list && now < slot.list->next_update) co_return slot.list;
    co_return made;
}

}  // namespace muster::authority
