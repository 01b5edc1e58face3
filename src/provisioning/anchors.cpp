#include "provisioning/anchors.h"

#include "base/bytes.h"
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

void add_signing_certificate(const EnrollmentRecord& group, const Bytes& der, std::vector<Anchor>& anchors) {
    if (der.empty()) return;
    auto certificate = pki::Certificate::from_der(der);
    if (!certificate) {
        log::error("a stored signing certificate cannot be read",
                   {{"enrollmentGroupId", group.id}, {"error", certificate.error().chain()}});
        return;
    }
    anchors.push_back({std::move(*certificate), group.id, group.etag, {}, true});
}

Result<> add_ca_reference(Tx& tx, const EnrollmentRecord& group, const std::string& name,
                          std::vector<Anchor>& anchors) {
    MUSTER_TRY(const auto ca, tx.ca_certificates().find(name));
    if (!ca) {
        log::error("an enrollment group refers to a CA certificate that is gone",
                   {{"enrollmentGroupId", group.id}, {"certificate", name}});
        return {};
    }
    MUSTER_TRY(auto certificate, pki::Certificate::from_der(ca->certificate));
    anchors.push_back({std::move(certificate), group.id, group.etag, name, ca->verified});
    return {};
}

Result<std::vector<Anchor>> read_anchors(Tx& tx) {
    constexpr std::size_t page = 500;
    std::vector<Anchor> anchors;
    std::string after;
    for (;;) {
        MUSTER_TRY(const auto groups, tx.enrollment_groups().list({.after = after, .limit = page}));
        for (const auto& group : groups) {
            add_signing_certificate(group, group.primary_certificate, anchors);
            add_signing_certificate(group, group.secondary_certificate, anchors);
            for (const auto& name : ca_references(group)) MUSTER_CHECK(add_ca_reference(tx, group, name, anchors));
        }
        if (groups.size() < page) return anchors;
        after = groups.back().id;
    }
}

}  // namespace

AnchorIndex::AnchorIndex(std::vector<Anchor> anchors) : anchors_(std::move(anchors)) {
    for (std::size_t i = 0; i < anchors_.size(); ++i) {
        by_subject_[key_of(anchors_[i].certificate.subject_der())].push_back(i);
        if (anchors_[i].verified) by_fingerprint_.emplace(fingerprint(anchors_[i].certificate), i);
    }
}

std::vector<pki::Certificate> AnchorIndex::issuers_of(const pki::Certificate& certificate) const {
    std::vector<pki::Certificate> found;
    const auto entry = by_subject_.find(key_of(certificate.issuer_der()));
    if (entry == by_subject_.end()) return found;
    for (const auto i : entry->second)
        if (anchors_[i].verified) found.push_back(anchors_[i].certificate);
    return found;
}

const Anchor* AnchorIndex::by_certificate(const pki::Certificate& certificate) const {
    const auto entry = by_fingerprint_.find(fingerprint(certificate));
    return entry == by_fingerprint_.end() ? nullptr : &anchors_[entry->second];
}

const Anchor* AnchorIndex::unverified_issuer_of(const pki::Certificate& certificate) const {
    const auto entry = by_subject_.find(key_of(certificate.issuer_der()));
    if (entry == by_subject_.end()) return nullptr;
    for (const auto i : entry->second)
        if (!anchors_[i].verified) return &anchors_[i];
    return nullptr;
}

std::shared_ptr<const AnchorIndex> Anchors::current() const {
    const std::lock_guard lock(mutex_);
    return index_;
}

void Anchors::set(std::uint64_t generation, std::vector<Anchor> anchors) {
    auto index = std::make_shared<const AnchorIndex>(std::move(anchors));
    const std::lock_guard lock(mutex_);
    // Two refreshes may end in the other order than they began; the later reading stands.
    if (generation < shown_) return;
    shown_ = generation;
    index_ = std::move(index);
}

Task<Result<>> Anchors::refresh() {
    const auto generation = ++generation_;
    MUSTER_CO_TRY(auto anchors, co_await store_.read(read_anchors));
    set(generation, std::move(anchors));
    co_return Result<>();
}

Result<> Anchors::load() {
    std::vector<Anchor> anchors;
    MUSTER_CHECK(store_.transact_now([&](Tx& tx) -> Result<> {
        MUSTER_TRY(anchors, read_anchors(tx));
        return {};
    }));
    set(++generation_, std::move(anchors));
    return {};
}

}  // namespace muster::provisioning
