#include "authority/authority.h"

#include "base/log.h"
#include "base/text.h"
#include "pki/csr_view.h"

namespace muster::authority {
namespace {

using store::Tx;

constexpr auto clock_skew = std::chrono::minutes(5);
// A device asks a few times a year; one that asks without end is broken.
constexpr auto counted_time = std::chrono::hours(24);
constexpr std::int64_t max_in_counted_time = 50;
// Records of certificates that ended longer ago than this are forgotten at the next start.
constexpr auto kept_after_end = std::chrono::days(400);

json::object certificate_view(const pki::Certificate& certificate) {
    return {{"subject", certificate.subject()},
            {"issuer", certificate.issuer()},
            {"serialNumber", certificate.serial_hex()},
            {"sha256Thumbprint", certificate.sha256_thumbprint()},
            {"notBeforeUtc", format_utc(certificate.not_before())},
            {"notAfterUtc", format_utc(certificate.not_after())}};
}

store::JournalEntry issued_event(const Signed& made) {
    json::object detail{{"serialNumber", made.record.serial},
                        {"notAfterUtc", format_utc(made.record.not_after)},
                        {"by", made.subject.by}};
    if (!made.record.group_id.empty()) detail["enrollmentGroupId"] = made.record.group_id;
    if (made.record.origin == edge_ca_origin) detail["edgeCa"] = made.record.subject;
    return {.time = made.record.issued,
            .type = "certificate.issued",
            .subject = made.record.registration_id,
            .peer = made.subject.peer,
            .tracking_id = made.subject.tracking_id,
            .detail = json::serialize(detail)};
}

// Each CA above must have room below it for one more, and another name: two CAs of one name are a riddle to who
// verifies.
Result<> check_place_of_edge_ca(const IssuingCa& ca, const CertificateRequest& request) {
    for (std::size_t i = 0; i < ca.chain.size(); ++i) {
        if (ca.chain[i].subject_der() == pki::subject_der(request.csr))
            return fail(Errc::invalid_argument, "the certificate request has the name of the CA '{}' above it",
                        printable(ca.chain[i].subject()));
        const auto room = ca.chain[i].path_length();
        if (!room || static_cast<std::size_t>(*room) > i) continue;
        return fail(Error(Errc::forbidden,
                          fmt::format("the CA '{}' may not have an edge CA below it: its path length is {}, and {} is "
                                      "needed",
                                      printable(ca.chain[i].subject()), *room, i + 1))
                        .with_hint("make or install an issuing CA with a greater path length, or none: `muster "
                                   "authority create --replace`, `muster authority install`"));
    }
    return {};
}

}  // namespace

Error authority_is_off() {
    return Error(Errc::unsupported, "this service's certificate authority is not switched on")
        .with_hint("switch it on: `muster authority create`, or `muster authority install` with a CA of your own");
}

Result<std::unique_ptr<Keys>> Authority::read_keys(Tx& tx) const {
    if (store_.is_shared()) return KeyRecords::load(tx);
    return std::make_unique<KeyDirectory>(directory_);
}

Task<Result<std::unique_ptr<Keys>>> Authority::open_keys() {
    if (!store_.is_shared()) co_return std::make_unique<KeyDirectory>(directory_);
    co_return co_await store_.read([](Tx& tx) { return KeyRecords::load(tx); });
}

Result<> Authority::load() {
    std::optional<Stored> stored;
    MUSTER_CHECK(store_.transact_now([&](Tx& tx) -> Result<> {
        MUSTER_CHECK(tx.issued_certificates().erase_ended(clock_.now() - kept_after_end));
        MUSTER_TRY(stored, read_newer(tx, {}));
        return {};
    }));
    if (!stored) return {};  // there is no CA yet
    MUSTER_TRY(const auto known, with_keys(*stored));
    show_all(known, *stored, 0);
    return {};
}

// Keys are read when there is something new, and not by every look.
Result<std::optional<Authority::Stored>> Authority::read_newer(
    Tx& tx, const std::vector<store::IssuingAuthorityRecord>& than) const {
    Stored stored;
    MUSTER_TRY(stored.records, tx.issuing_authorities().list());
    if (stored.records == than) return std::nullopt;
    MUSTER_TRY(stored.keys, read_keys(tx));
    return stored;
}

Task<Result<>> Authority::look() {
    for (bool shown = false; !shown;) {
        std::uint64_t shown_before = 0;
        std::vector<store::IssuingAuthorityRecord> read_before;
        {
            const std::lock_guard lock(mutex_);
            shown_before = shown_;
            read_before = read_;
        }
        MUSTER_CO_TRY(const auto stored, co_await store_.read([&](Tx& tx) { return read_newer(tx, read_before); }));
        if (!stored) break;
        MUSTER_CO_TRY(const auto known, co_await worker_.run([&] { return with_keys(*stored); }));
        shown = show_all(known, *stored, shown_before);
    }
    co_return Result<>();
}

Task<Result<>> Authority::refresh() {
    co_return co_await lookout_.look();
}

Task<Result<>> Authority::make_sure() {
    if (!store_.is_shared()) co_return Result<>();
    co_return co_await lookout_.make_sure();
}

Result<Authority::Known> Authority::with_keys(const Stored& stored) const {
    Known known;
    const IssuingCas cas(*stored.keys, clock_, random_);
    for (const auto& record : stored.records) {
        auto ca = cas.load(record);
        if (!ca && !record.active) {
            log::error("a former issuing CA cannot sign its revocation list any more",
                       {{"certificate", record.fingerprint}, {"error", ca.error().chain()}});
            continue;
        }
        if (!ca)
            return fail(ca.error()
                            .wrap(Errc::internal, "the certificate authority cannot be used")
                            .with_hint(store_.is_shared() ? "put the record back from the backup of the database"
                                                          : "put the key file back from the backup of the data "
                                                            "directory"));
        known.emplace_back(std::make_shared<const IssuingCa>(std::move(*ca)), record.active);
    }
    return known;
}

// False when something else was shown since `known` was read: it may be newer.
bool Authority::show_all(const Known& known, const Stored& stored, std::uint64_t shown_before) {
    const std::lock_guard lock(mutex_);
    if (shown_ != shown_before) return false;
    ++shown_;
    for (const auto& [ca, active] : known) {
        if (active) issuing_ = ca;
        known_.insert_or_assign(ca->id(), ca);
    }
    read_ = stored.records;
    return true;
}

void Authority::show(std::shared_ptr<const IssuingCa> ca) {
    const std::lock_guard lock(mutex_);
    ++shown_;
    issuing_ = ca;
    const auto id = ca->id();
    known_.insert_or_assign(id, std::move(ca));
}

std::shared_ptr<const IssuingCa> Authority::issuing() const {
    const std::lock_guard lock(mutex_);
    return issuing_;
}

Task<Result<std::shared_ptr<const IssuingCa>>> Authority::find_issuing() {
    MUSTER_CO_CHECK(co_await make_sure());
    auto ca = issuing();
    if (ca == nullptr) co_return fail(authority_is_off());
    co_return ca;
}

std::shared_ptr<const IssuingCa> Authority::find(std::string_view id) const {
    const std::lock_guard lock(mutex_);
    if (equals_ignore_case(id, "issuing")) return issuing_;
    const auto entry = known_.find(to_lower(id));
    return entry == known_.end() ? nullptr : entry->second;
}

std::vector<pki::CertificateChain> Authority::chains() const {
    const std::lock_guard lock(mutex_);
    std::vector<pki::CertificateChain> all;
    if (issuing_) all.push_back(issuing_->chain);
    for (const auto& [id, ca] : known_)
        if (ca != issuing_) all.push_back(ca->chain);
    return all;
}

Task<Result<json::object>> Authority::status() {
    MUSTER_CO_CHECK(co_await make_sure());
    MUSTER_CO_TRY(const auto keys, co_await open_keys());
    co_return co_await worker_.run([&]() -> Result<json::object> { return describe(*keys); });
}

json::object Authority::describe(Keys& keys) const {
    const IssuingCas cas(keys, clock_, random_);
    const auto ca = issuing();
    json::object out{{"enabled", ca != nullptr},
                     {"certificateDays", policy_.certificate_life.count()},
                     {"openRequests", cas.open_requests()}};
    if (ca == nullptr) return out;
    out["issuing"] = certificate_view(ca->certificate());
    out["root"] = certificate_view(ca->chain.back());
    out["rootKeyIsHere"] = cas.root_is_here(ca->chain.back());
    out["chain"] = pki::to_pem(ca->chain);
    out["crlPath"] = fmt::format("/crl/{}.crl", ca->id());
    if (!policy_.crl_url.empty()) out["crlUrl"] = fmt::format("{}/{}.crl", policy_.crl_url, ca->id());
    return out;
}

// A key's file is there by now, and a key's record comes with this: a CA without its key would be one that cannot be
// used.
Result<> Authority::write(Tx& tx, const Made& made, const store::Origin& by) const {
    if (made.in_place_of) {
        MUSTER_TRY(const auto records, tx.issuing_authorities().list());
        const auto active = std::ranges::find(records, true, &store::IssuingAuthorityRecord::active);
        if ((active == records.end() ? std::string() : active->fingerprint) != *made.in_place_of)
            return fail(Error(Errc::conflict,
                              "another musterd of this service has made or installed an issuing CA "
                              "meanwhile")
                            .with_hint("see what it is: `muster authority show`"));
    }
    MUSTER_CHECK(made.keys->save(tx, clock_.now()));
    const auto& ca = made.ca;
    MUSTER_CHECK(tx.issuing_authorities().put({ca.fingerprint, pki::to_pem(ca.chain), true, clock_.now()}));
    return tx.journal().change(by, clock_.now(), made.type, ca.certificate().subject(),
                               {{"sha256Thumbprint", ca.fingerprint}, {"root", ca.chain.back().subject()}});
}

Task<Result<json::object>> Authority::adopt(Made made, store::Origin by) {
    MUSTER_CO_CHECK(co_await store_.transact([&](Tx& tx) { return write(tx, made, by); }));
    const auto ca = std::make_shared<const IssuingCa>(std::move(made.ca));
    show(ca);
    log::info("certificate authority", {{"issuing", printable(ca->certificate().subject())},
                                        {"root", printable(ca->chain.back().subject())},
                                        {"until", format_utc_seconds(ca->certificate().not_after())},
                                        {"certificate", ca->fingerprint}});
    if (tell_) MUSTER_CO_CHECK(co_await tell_());
    if (store_.is_shared()) co_await Lookout::settle();
    co_return co_await status();
}

Task<Result<json::object>> Authority::create(NewAuthority wanted, bool replace, store::Origin by) {
    MUSTER_CO_CHECK(co_await make_sure());
    const auto ca = issuing();
    if (ca != nullptr && !replace)
        co_return fail(Error(Errc::conflict, fmt::format("'{}' issues certificates already, until {}",
                                                         printable(ca->certificate().subject()),
                                                         format_utc_seconds(ca->certificate().not_after())))
                           .with_hint("to let a new issuing CA take its place, say so: --replace. What the old one "
                                      "issued stays valid, and is revoked as before"));
    MUSTER_CO_TRY(auto keys, co_await open_keys());
    MUSTER_CO_TRY(auto made,
                  co_await worker_.run([&] { return IssuingCas(*keys, clock_, random_).create(wanted, chains()); }));
    co_return co_await adopt({.ca = std::move(made),
                              .keys = std::move(keys),
                              .type = "authority.created",
                              .in_place_of = ca == nullptr ? std::string() : ca->fingerprint},
                             std::move(by));
}

Task<Result<json::object>> Authority::install(std::string chain_pem, Secret key_pem, store::Origin by) {
    MUSTER_CO_TRY(auto keys, co_await open_keys());
    MUSTER_CO_TRY(auto made, co_await worker_.run([&] {
        return IssuingCas(*keys, clock_, random_).install(chain_pem, key_pem.text());
    }));
    co_return co_await adopt(
        {.ca = std::move(made), .keys = std::move(keys), .type = "authority.installed", .in_place_of = {}},
        std::move(by));
}

Task<Result<json::object>> Authority::request(std::string common_name, pki::KeySpec key, store::Origin by) {
    MUSTER_CO_TRY(const auto keys, co_await open_keys());
    MUSTER_CO_TRY(const auto csr,
                  co_await worker_.run([&] { return IssuingCas(*keys, clock_, random_).request(common_name, key); }));
    MUSTER_CO_CHECK(co_await store_.transact([&](Tx& tx) -> Result<> {
        MUSTER_CHECK(keys->save(tx, clock_.now()));
        return tx.journal().change(by, clock_.now(), "authority.requested", common_name, {});
    }));
    co_return json::object{{"csr", csr}};
}

Result<> Authority::check_key(const pki::PublicKey& key) const {
    if (!policy_.key) return {};
    const auto given = key.spec();
    if (given.algorithm == policy_.key->algorithm && given.bits == policy_.key->bits) return {};
    return fail(Error(Errc::invalid_argument, fmt::format("the certificate request has a key of the kind {}, and this "
                                                          "authority takes {} alone",
                                                          given.text(), policy_.key->text()))
                    .with_hint("make the request with a key of that kind"));
}

Task<Result<Signed>> Authority::sign(const CertificateRequest& request, Subject subject) {
    MUSTER_CO_TRY(const auto ca, co_await find_issuing());
    MUSTER_CO_CHECK(check_key(request.key));
    if (request.for_edge_ca) MUSTER_CO_CHECK(check_place_of_edge_ca(*ca, request));
    const auto now = clock_.now();
    const pki::IssueRequest wanted{
        .profile = request.for_edge_ca ? pki::Profile::intermediate_ca : pki::Profile::client,
        .common_name = request.common_name,
        .path_length = request.for_edge_ca ? std::optional(0) : std::nullopt,
        .subject_der = pki::subject_der(request.csr),
        .crl_url = policy_.crl_url.empty() ? "" : fmt::format("{}/{}.crl", policy_.crl_url, ca->id()),
        .not_before = now - clock_skew,
        .not_after = now + policy_.certificate_life};
    if (ca->certificate().not_after() < now)
        co_return fail(Errc::internal, "the issuing CA '{}' expired at {}", printable(ca->certificate().subject()),
                       format_utc_seconds(ca->certificate().not_after()));
    if (ca->certificate().not_after() < wanted.not_after)
        log::warn("the issuing CA ends before what it issues should: replace it",
                  {{"issuing", printable(ca->certificate().subject())},
                   {"until", format_utc_seconds(ca->certificate().not_after())}});
    MUSTER_CO_TRY(auto certificate, co_await worker_.run([&] {
        const pki::Issuer issuer{ca->certificate(), *ca->key};
        return pki::issue(wanted, request.key, &issuer, nullptr, random_);
    }));
    store::IssuedCertificateRecord record{.serial = certificate.serial_hex(),
                                          .fingerprint = certificate.sha256_thumbprint(),
                                          .authority = ca->fingerprint,
                                          .subject = certificate.subject(),
                                          .registration_id = subject.registration_id,
                                          .group_id = subject.group_id,
                                          .origin = subject.origin,
                                          .certificate = certificate.der(),
                                          .issued = now,
                                          .not_after = certificate.not_after()};
    co_return Signed{std::move(certificate), ca->chain, std::move(record), std::move(subject)};
}

Result<> Authority::record(Tx& tx, const Signed& made) const {
    const auto& id = made.record.registration_id;
    MUSTER_TRY(const auto count, tx.issued_certificates().count_since(id, made.record.issued - counted_time));
    if (count >= max_in_counted_time)
        return fail(Error(Errc::throttled, fmt::format("'{}' was given {} certificates in the last {} hours", id, count,
                                                       counted_time.count()))
                        .with_hint("find out why the device asks so often; it may go on tomorrow"));
    MUSTER_CHECK(tx.issued_certificates().insert(made.record));
    return tx.journal().append(issued_event(made));
}

void log_issued(const Signed& made) {
    log::info("certificate issued", {{"registrationId", made.record.registration_id},
                                     {"group", made.record.group_id},
                                     {"serial", made.record.serial},
                                     {"subject", printable(made.record.subject)},
                                     {"until", format_utc_seconds(made.record.not_after)},
                                     {"by", made.subject.by},
                                     {"peer", made.subject.peer},
                                     {"trackingId", made.subject.tracking_id}});
}

}  // namespace muster::authority
