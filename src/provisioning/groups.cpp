#include "provisioning/groups.h"

#include <openssl/x509.h>

#include <algorithm>

#include "base/log.h"
#include "base/openssl_errors.h"
#include "base/text.h"
#include "provisioning/crl_rules.h"
#include "provisioning/enrollment.h"
#include "provisioning/identifiers.h"
#include "store/topic_versions.h"

namespace muster::provisioning {
namespace {

using store::EnrollmentRecord;
using store::Tx;

std::string key_of(const Bytes& name) {
    return std::string(as_text(name));
}

using Read = GroupIndex::Content;

void add_signing_certificate(const EnrollmentRecord& group, const Bytes& der, Read& read) {
    if (der.empty()) return;
    auto certificate = pki::Certificate::from_der(der);
    if (!certificate) {
        log::error("a stored signing certificate cannot be read",
                   {{"enrollmentGroupId", group.id}, {"error", certificate.error().chain()}});
        return;
    }
    read.anchors.push_back({std::move(*certificate), GroupVersion(group), {}, true});
}

Result<> add_ca_reference(Tx& tx, const EnrollmentRecord& group, const std::string& name, Read& read) {
    MUSTER_TRY(const auto ca, tx.ca_certificates().find(name));
    if (!ca) {
        log::error("an enrollment group refers to a CA certificate that is gone",
                   {{"enrollmentGroupId", group.id}, {"certificate", name}});
        return {};
    }
    auto certificate = pki::Certificate::from_der(ca->certificate);
    if (!certificate) {
        log::error("a stored CA certificate cannot be read",
                   {{"enrollmentGroupId", group.id}, {"certificate", name}, {"error", certificate.error().chain()}});
        return {};
    }
    read.anchors.push_back({std::move(*certificate), GroupVersion(group), name, ca->verified});
    return {};
}

void add_keys(const EnrollmentRecord& group, Read& read) {
    auto primary = base64_decode(group.primary_key);
    auto secondary = base64_decode(group.secondary_key);
    if (!primary || !secondary || primary->empty() || secondary->empty()) return;
    read.key_groups.push_back({GroupVersion(group), Secret(std::move(*primary)), Secret(std::move(*secondary))});
}

Result<> add_group(Tx& tx, const EnrollmentRecord& group, Read& read) {
    add_signing_certificate(group, group.primary_certificate, read);
    add_signing_certificate(group, group.secondary_certificate, read);
    for (const auto& name : ca_references(group)) MUSTER_CHECK(add_ca_reference(tx, group, name, read));
    add_keys(group, read);
    return {};
}

// Those of every group are read with each change of one: none stays in memory that was given back.
void wipe_keys(EnrollmentRecord& group) {
    for (auto* key : {&group.primary_key, &group.secondary_key}) wipe(key->data(), key->size());
}

Result<> add_authorities(Tx& tx, Read& read) {
    MUSTER_TRY(const auto records, tx.issuing_authorities().list());
    for (const auto& record : records) {
        MUSTER_TRY(auto chain, pki::parse_chain(record.chain));
        read.authorities.push_back(std::move(chain));
    }
    return {};
}

// Lists can be large: one that has not changed is not read again.
Result<pki::RevocationList> list_of(Tx& tx, const store::GroupCrlRecord& head, const GroupIndex& before) {
    for (const auto& known : before.revocation_lists())
        if (!head.list_hash.empty() && known.hash == head.list_hash) return known.list;
    MUSTER_TRY(const auto record, tx.group_crls().find(head.group_id, head.issuer));
    if (!record) return fail(Errc::internal, "a revocation list of the group '{}' is gone", head.group_id);
    for (const auto& known : before.revocation_lists())
        if (known.list.der() == record->list) return known.list;
    return pki::RevocationList::from_der(record->list);
}

Result<> add_revocation_lists(Tx& tx, const GroupIndex& before, Read& read) {
    MUSTER_TRY(const auto records, tx.group_crls().list());
    for (const auto& record : records) {
        MUSTER_TRY(auto issuer, pki::Certificate::from_der(record.certificate));
        MUSTER_TRY(auto list, list_of(tx, record, before));
        read.revocation_lists.push_back(
            {record.group_id, std::move(issuer), std::move(list), record.must_be_current, record.list_hash});
    }
    return {};
}

Result<> add_verified_cas(Tx& tx, Read& read) {
    MUSTER_TRY(const auto records, tx.ca_certificates().list());
    for (const auto& record : records) {
        if (!record.verified) continue;
        MUSTER_TRY(auto certificate, pki::Certificate::from_der(record.certificate));
        read.verified_cas.push_back(std::move(certificate));
    }
    return {};
}

std::string revoked_text(const pki::Certificate& certificate, const pki::Revocation& entry,
                         const pki::Certificate& issuer) {
    return fmt::format("the certificate '{}' (serial {}) was revoked at {} ({}) by '{}'",
                       printable(certificate.subject()), certificate.serial_hex().substr(0, 40),
                       format_utc_seconds(entry.time), pki::to_string(entry.reason), printable(issuer.subject()));
}

std::string ended_text(const GroupCrl& crl) {
    return fmt::format("the revocation list of '{}' ended at {}, and the group wants a current one",
                       printable(crl.issuer.subject()), format_utc_seconds(*crl.list.next_update()));
}

// A list that has ended.
void tell_of_end(const GroupCrl& crl, TimePoint now) {
    constexpr auto pause = std::chrono::hours(1);
    auto told = crl.told->load();
    const auto moment = now.time_since_epoch().count();
    if (moment - told < Micros(pause).count() || !crl.told->compare_exchange_strong(told, moment)) return;
    log::warn("a revocation list has ended",
              {{"enrollmentGroupId", crl.group_id},
               {"issuer", printable(crl.issuer.subject())},
               {"ended", format_utc_seconds(*crl.list.next_update())},
               {"effect", crl.must_be_current ? "no device is let in by this issuer" : "it is used on"}});
}

Result<std::shared_ptr<const GroupIndex>> read_groups(Tx& tx, const GroupIndex& before, GroupRules rules) {
    constexpr std::size_t page = 500;
    Read read;
    read.rules = rules;
    MUSTER_TRY(const auto version, tx.marks().find(store::groups_version_mark));
    read.version = version.value_or(0);
    MUSTER_TRY(const auto restrictions, tx.marks().find(store::restrictions_version_mark));
    read.restrictions = restrictions.value_or(0);
    if (rules.verified_ca_only) MUSTER_CHECK(add_verified_cas(tx, read));
    MUSTER_CHECK(add_authorities(tx, read));
    MUSTER_CHECK(add_revocation_lists(tx, before, read));
    std::string after;
    for (;;) {
        MUSTER_TRY(auto groups, tx.enrollment_groups().list({.after = after, .limit = page}));
        for (auto& group : groups) {
            MUSTER_CHECK(add_group(tx, group, read));
            wipe_keys(group);
        }
        if (groups.size() < page) break;
        after = groups.back().id;
    }
    return std::make_shared<const GroupIndex>(std::move(read));
}

// Each with its length, so that none can be taken for two. In one piece of memory from the start, which is wiped.
Bytes digest_of_credentials(const EnrollmentRecord& group) {
    constexpr std::size_t longest_length = 24;
    const auto names = ca_references(group);
    std::vector<ByteView> parts{group.primary_certificate, group.secondary_certificate, as_bytes(group.primary_key),
                                as_bytes(group.secondary_key)};
    for (const auto& name : names) parts.push_back(as_bytes(name));
    std::size_t size = 0;
    for (const auto& part : parts) size += part.size() + longest_length;
    Bytes all;
    all.reserve(size);
    for (const auto& part : parts) {
        const auto length = fmt::format("{}:", part.size());
        all.insert(all.end(), length.begin(), length.end());
        all.insert(all.end(), part.begin(), part.end());
    }
    auto digest = pki::sha256(all);
    wipe(all.data(), all.size());
    return digest;
}

}  // namespace

GroupVersion::GroupVersion(const EnrollmentRecord& group)
    : id(group.id), etag(group.etag), credentials(digest_of_credentials(group)) {}

bool GroupVersion::judges_like(const EnrollmentRecord& group) const {
    return group.etag == etag || digest_of_credentials(group) == credentials;
}

GroupIndex::GroupIndex(Content content) : content_(std::move(content)) {
    const auto& anchors = content_.anchors;
    for (std::size_t i = 0; i < anchors.size(); ++i) {
        by_subject_[key_of(anchors[i].certificate.subject_der())].push_back(i);
        if (anchors[i].verified) by_fingerprint_.emplace(fingerprint(anchors[i].certificate), i);
    }
    for (std::size_t i = 0; i < content_.authorities.size(); ++i) {
        const auto& issuing = content_.authorities[i].front();
        authority_by_subject_[key_of(issuing.subject_der())].push_back(i);
        authority_by_fingerprint_.emplace(fingerprint(issuing), i);
    }
    for (std::size_t i = 0; i < content_.revocation_lists.size(); ++i)
        lists_by_group_[to_lower(content_.revocation_lists[i].group_id)].push_back(i);
}

std::vector<pki::Certificate> GroupIndex::issuers_of(const pki::Certificate& certificate) const {
    std::vector<pki::Certificate> found;
    const auto name = key_of(certificate.issuer_der());
    if (const auto ours = authority_by_subject_.find(name); ours != authority_by_subject_.end())
        for (const auto i : ours->second) found.push_back(content_.authorities[i].front());
    const auto entry = by_subject_.find(name);
    if (entry == by_subject_.end()) return found;
    for (const auto i : entry->second)
        if (content_.anchors[i].verified) found.push_back(content_.anchors[i].certificate);
    return found;
}

const Anchor* GroupIndex::anchor_of(const pki::Certificate& certificate) const {
    const auto entry = by_fingerprint_.find(fingerprint(certificate));
    return entry == by_fingerprint_.end() ? nullptr : &content_.anchors[entry->second];
}

const Anchor* GroupIndex::by_certificate(const pki::Certificate& certificate) const {
    const auto authority = authority_by_fingerprint_.find(fingerprint(certificate));
    if (authority == authority_by_fingerprint_.end()) return anchor_of(certificate);
    // Its chain was verified when it was installed.
    for (const auto& issuer : content_.authorities[authority->second])
        if (const auto* anchor = anchor_of(issuer); anchor != nullptr) return anchor;
    return nullptr;
}

bool GroupIndex::is_authority(const pki::Certificate& certificate) const {
    return authority_by_fingerprint_.contains(fingerprint(certificate));
}

pki::CertificateChain GroupIndex::above_authority(const pki::Certificate& certificate) const {
    const auto entry = authority_by_fingerprint_.find(fingerprint(certificate));
    if (entry == authority_by_fingerprint_.end()) return {};
    const auto& chain = content_.authorities[entry->second];
    return {chain.begin() + 1, chain.end()};
}

bool GroupIndex::wants_verified_ca_above(const pki::Certificate& certificate) const {
    // The service holds the key of its own authority.
    if (!content_.rules.verified_ca_only || is_authority(certificate)) return false;
    return std::ranges::none_of(content_.verified_cas,
                                [&](const auto& verified) { return verified.der() == certificate.der(); });
}

std::vector<pki::Certificate> GroupIndex::verified_issuers_of(const pki::Certificate& certificate) const {
    std::vector<pki::Certificate> found;
    for (const auto& verified : content_.verified_cas)
        if (verified.subject_der() == certificate.issuer_der()) found.push_back(verified);
    return found;
}

std::optional<std::string> GroupIndex::revocation(const pki::CertificateChain& path, std::string_view group_id,
                                                  TimePoint now) const {
    const auto lists = lists_by_group_.find(to_lower(group_id));
    if (lists == lists_by_group_.end()) return std::nullopt;
    for (std::size_t i = 0; i + 1 < path.size(); ++i) {
        for (const auto at : lists->second) {
            const auto& crl = content_.revocation_lists[at];
            if (!is_same_issuer(crl.issuer, path[i + 1])) continue;
            if (const auto entry = crl.list.find(path[i].serial_hex()))
                return revoked_text(path[i], *entry, path[i + 1]);
            if (crl.list.next_update().value_or(TimePoint::max()) >= now) continue;
            tell_of_end(crl, now);
            if (crl.must_be_current) return ended_text(crl);
        }
    }
    return std::nullopt;
}

bool GroupIndex::is_revoked(std::string_view serial, std::string_view issuer, std::string_view group_id) const {
    const auto lists = lists_by_group_.find(to_lower(group_id));
    if (lists == lists_by_group_.end()) return false;
    return std::ranges::any_of(lists->second, [&](std::size_t at) {
        const auto& crl = content_.revocation_lists[at];
        return crl.list.find(serial) && issuer_mark(crl.issuer) == issuer;
    });
}

const Anchor* GroupIndex::unverified_issuer_of(const pki::Certificate& certificate) const {
    const auto entry = by_subject_.find(key_of(certificate.issuer_der()));
    if (entry == by_subject_.end()) return nullptr;
    const OpenSslErrorScope errors;
    for (const auto i : entry->second) {
        const auto& anchor = content_.anchors[i];
        if (!anchor.verified && X509_verify(certificate.get(), X509_get0_pubkey(anchor.certificate.get())) == 1)
            return &anchor;
    }
    return nullptr;
}

std::shared_ptr<const GroupIndex> Groups::current() const {
    const std::lock_guard lock(mutex_);
    return index_;
}

Groups::Groups(store::Store& store, GroupRules rules)
    : store_(store), rules_(rules), reading_([this] { return read(); }), lookout_([this] { return look(); }) {}

void Groups::set(std::shared_ptr<const GroupIndex> index) {
    const std::lock_guard lock(mutex_);
    index_ = std::move(index);
}

Task<Result<>> Groups::read() {
    auto index =
        co_await store_.read([before = current(), rules = rules_](Tx& tx) { return read_groups(tx, *before, rules); });
    stale_ = !index;
    if (!index) co_return std::unexpected(std::move(index).error());
    set(std::move(*index));
    if (on_reading_) on_reading_();
    co_return Result<>();
}

Task<Result<>> Groups::refresh() {
    co_return co_await reading_.ask();
}

Task<Result<>> Groups::refresh_everywhere() {
    MUSTER_CO_CHECK(co_await refresh());
    if (store_.is_shared()) co_await Lookout::settle();
    co_return Result<>();
}

Task<Result<>> Groups::refresh_if_stale() {
    if (stale_) co_return co_await refresh();
    if (!store_.is_shared()) co_return Result<>();
    co_return co_await lookout_.make_sure();
}

Task<Result<>> Groups::look() {
    MUSTER_CO_TRY(const auto newest,
                  co_await store_.read([](Tx& tx) { return tx.marks().find(store::restrictions_version_mark); }));
    if (newest.value_or(0) == current()->restrictions()) co_return Result<>();
    co_return co_await refresh();
}

Task<Result<bool>> Groups::changed_since(std::int64_t version) {
    if (!store_.is_shared()) co_return false;
    MUSTER_CO_TRY(const auto newest,
                  co_await store_.read([](Tx& tx) { return tx.marks().find(store::groups_version_mark); }));
    if (newest.value_or(0) == version) co_return false;
    if (newest.value_or(0) != current()->version()) MUSTER_CO_CHECK(co_await refresh());
    co_return true;
}

Result<> Groups::load() {
    std::shared_ptr<const GroupIndex> index;
    MUSTER_CHECK(store_.transact_now([&](Tx& tx) -> Result<> {
        MUSTER_TRY(index, read_groups(tx, GroupIndex(), rules_));
        return {};
    }));
    set(std::move(index));
    return {};
}

}  // namespace muster::provisioning
