#include "provisioning/groups.h"

#include "base/log.h"
#include "provisioning/enrollment.h"
#include "provisioning/identifiers.h"

namespace muster::provisioning {
namespace {

using store::EnrollmentRecord;
using store::Tx;

std::string key_of(const Bytes& name) {
    return std::string(as_text(name));
}

struct Read {
    std::vector<Anchor> anchors;
    std::vector<KeyGroup> key_groups;
};

void add_signing_certificate(const EnrollmentRecord& group, const Bytes& der, Read& read) {
    if (der.empty()) return;
    auto certificate = pki::Certificate::from_der(der);
    if (!certificate) {
        log::error("a stored signing certificate cannot be read",
                   {{"enrollmentGroupId", group.id}, {"error", certificate.error().chain()}});
        return;
    }
    read.anchors.push_back({std::move(*certificate), {group.id, group.etag}, {}, true});
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
    read.anchors.push_back({std::move(*certificate), {group.id, group.etag}, name, ca->verified});
    return {};
}

void add_keys(const EnrollmentRecord& group, Read& read) {
    auto primary = base64_decode(group.primary_key);
    auto secondary = base64_decode(group.secondary_key);
    if (!primary || !secondary || primary->empty() || secondary->empty()) return;
    read.key_groups.push_back({{group.id, group.etag}, Secret(std::move(*primary)), Secret(std::move(*secondary))});
}

Result<> add_group(Tx& tx, const EnrollmentRecord& group, Read& read) {
    add_signing_certificate(group, group.primary_certificate, read);
    add_signing_certificate(group, group.secondary_certificate, read);
    for (const auto& name : ca_references(group)) MUSTER_CHECK(add_ca_reference(tx, group, name, read));
    add_keys(group, read);
    return {};
}

Result<std::shared_ptr<const GroupIndex>> read_groups(Tx& tx) {
    constexpr std::size_t page = 500;
    Read read;
    std::string after;
    for (;;) {
        MUSTER_TRY(const auto groups, tx.enrollment_groups().list({.after = after, .limit = page}));
        for (const auto& group : groups) MUSTER_CHECK(add_group(tx, group, read));
        if (groups.size() < page) break;
        after = groups.back().id;
    }
    return std::make_shared<const GroupIndex>(std::move(read.anchors), std::move(read.key_groups));
}

}  // namespace

GroupIndex::GroupIndex(std::vector<Anchor> anchors, std::vector<KeyGroup> key_groups)
    : anchors_(std::move(anchors)), key_groups_(std::move(key_groups)) {
    for (std::size_t i = 0; i < anchors_.size(); ++i) {
        by_subject_[key_of(anchors_[i].certificate.subject_der())].push_back(i);
        if (anchors_[i].verified) by_fingerprint_.emplace(fingerprint(anchors_[i].certificate), i);
    }
}

std::vector<pki::Certificate> GroupIndex::issuers_of(const pki::Certificate& certificate) const {
    std::vector<pki::Certificate> found;
    const auto entry = by_subject_.find(key_of(certificate.issuer_der()));
    if (entry == by_subject_.end()) return found;
    for (const auto i : entry->second)
        if (anchors_[i].verified) found.push_back(anchors_[i].certificate);
    return found;
}

const Anchor* GroupIndex::by_certificate(const pki::Certificate& certificate) const {
    const auto entry = by_fingerprint_.find(fingerprint(certificate));
    return entry == by_fingerprint_.end() ? nullptr : &anchors_[entry->second];
}

const Anchor* GroupIndex::unverified_issuer_of(const pki::Certificate& certificate) const {
    const auto entry = by_subject_.find(key_of(certificate.issuer_der()));
    if (entry == by_subject_.end()) return nullptr;
    for (const auto i : entry->second)
        if (!anchors_[i].verified) return &anchors_[i];
    return nullptr;
}

std::shared_ptr<const GroupIndex> Groups::current() const {
    const std::lock_guard lock(mutex_);
    return index_;
}

void Groups::set(std::uint64_t generation, std::shared_ptr<const GroupIndex> index) {
    const std::lock_guard lock(mutex_);
    // Two refreshes may end in the other order than they began; the later reading stands.
    if (generation < shown_) return;
    shown_ = generation;
    index_ = std::move(index);
}

Task<Result<>> Groups::refresh() {
    const auto generation = ++generation_;
    auto index = co_await store_.read(read_groups);
    if (!index) {
        stale_ = true;
        co_return std::unexpected(std::move(index).error());
    }
    set(generation, std::move(*index));
    stale_ = false;
    co_return Result<>();
}

Task<Result<>> Groups::refresh_if_stale() {
    if (!stale_) co_return Result<>();
    co_return co_await refresh();
}

Result<> Groups::load() {
    std::shared_ptr<const GroupIndex> index;
    MUSTER_CHECK(store_.transact_now([&](Tx& tx) -> Result<> {
        MUSTER_TRY(index, read_groups(tx));
        return {};
    }));
    set(++generation_, std::move(index));
    return {};
}

}  // namespace muster::provisioning
