#include "provisioning/crl_rules.h"

#include "base/text.h"
#include "pki/path.h"
#include "provisioning/enrollment.h"
#include "provisioning/errors.h"

namespace muster::provisioning {
namespace {

using store::GroupCrlRecord;
using store::Tx;

constexpr std::size_t max_lists = 16;
constexpr auto clock_skew = std::chrono::minutes(5);

Result<pki::CertificateChain> anchors_of(Tx& tx, const store::EnrollmentRecord& group) {
    pki::CertificateChain anchors;
    const auto add = [&](const Bytes& der) -> Result<> {
        if (der.empty()) return {};
        MUSTER_TRY(auto certificate, pki::Certificate::from_der(der));
        anchors.push_back(std::move(certificate));
        return {};
    };
    MUSTER_CHECK(add(group.primary_certificate));
    MUSTER_CHECK(add(group.secondary_certificate));
    for (const auto& name : ca_references(group)) {
        MUSTER_TRY(const auto ca, tx.ca_certificates().find(name));
        if (ca && ca->verified) MUSTER_CHECK(add(ca->certificate));
    }
    return anchors;
}

std::string mark_of(const pki::CertificateChain& anchors) {
    std::string prints;
    for (const auto& anchor : anchors) prints += anchor.sha256_thumbprint();
    return prints;
}

// When a list that is stored begins; a record of before this was noted has to be read.
Result<TimePoint> begin_of(Tx& tx, const GroupCrlRecord& head) {
    if (!head.list_hash.empty()) return head.list_begins;
    MUSTER_TRY(const auto record, tx.group_crls().find(head.group_id, head.issuer));
    if (!record) return TimePoint();
    MUSTER_TRY(const auto list, pki::RevocationList::from_der(record->list));
    return list.this_update();
}

}  // namespace

bool is_same_issuer(const pki::Certificate& a, const pki::Certificate& b) {
    if (a.der() == b.der()) return true;
    if (a.subject_der() != b.subject_der()) return false;
    const auto key = a.public_key();
    const auto other = b.public_key();
    return key && other && *key == *other;
}

std::string issuer_mark(const pki::Certificate& issuer) {
    const auto key = issuer.public_key();
    if (!key) return issuer.sha256_thumbprint();
    auto name_and_key = issuer.subject_der();
    const auto spki = key->spki_der();
    name_and_key.insert(name_and_key.end(), spki.begin(), spki.end());
    return hex_encode(pki::sha256(name_and_key));
}

Result<> check_list_begins(const pki::RevocationList& list, TimePoint now) {
    if (list.this_update() <= now + clock_skew) return {};
    return fail(bad_body(fmt::format("the revocation list begins at {}, which is in the future",
                                     format_utc_seconds(list.this_update())))
                    .with_hint("compare the clocks of this service and of the CA"));
}

bool has_ended(const pki::RevocationList& list, TimePoint now) {
    return list.next_update().value_or(TimePoint::max()) < now;
}

Result<ListIssuer> find_list_issuer(Tx& tx, const store::EnrollmentRecord& group, const pki::RevocationList& list,
                                    const pki::CertificateChain& issuers, TimePoint now) {
    MUSTER_TRY(const auto anchors, anchors_of(tx, group));
    for (const auto& anchor : anchors)
        if (list.check_signed_by(anchor)) return ListIssuer{anchor, mark_of(anchors)};
    if (issuers.empty())
        return fail(bad_body(fmt::format("the revocation list of '{}' is not signed by a CA of this group",
                                         printable(list.issuer())))
                        .with_hint("when its issuer stands below a CA of the group, give that certificate and what is "
                                   "between as \"issuers\""));
    if (auto signature = list.check_signed_by(issuers.front()); !signature)
        return fail(bad_body(signature.error().chain()));
    const auto find = [&](const pki::Certificate& certificate) {
        pki::CertificateChain found;
        for (const auto& anchor : anchors)
            if (anchor.subject_der() == certificate.issuer_der()) found.push_back(anchor);
        return found;
    };
    const auto path = pki::validate_client_path(issuers, find, {.now = now, .purpose = pki::Purpose::any});
    if (!path.ok())
        return fail(bad_body(fmt::format("\"issuers\" do not lead to a CA of this group: {}", path.explanation)));
    return ListIssuer{issuers.front(), mark_of(anchors)};
}

Result<> check_list_issuer(Tx& tx, const store::EnrollmentRecord& group, const ListIssuer& issuer) {
    MUSTER_TRY(const auto anchors, anchors_of(tx, group));
    if (mark_of(anchors) == issuer.anchors) return {};
    return fail(Errc::unavailable, "the CAs of the enrollment group '{}' are changing; try again", group.id);
}

std::string list_hash(const pki::RevocationList& list) {
    return hex_encode(pki::sha256(list.der()));
}

void put_list(GroupCrlRecord& record, const pki::RevocationList& list) {
    record.list = list.der();
    record.list_hash = list_hash(list);
    record.list_begins = list.this_update();
}

Result<> make_room_for_list(Tx& tx, const GroupCrlRecord& record, const pki::RevocationList& list) {
    MUSTER_TRY(const auto issuer, pki::Certificate::from_der(record.certificate));
    MUSTER_TRY(const auto present, tx.group_crls().list_group(record.group_id));
    std::vector<std::string> replaced;
    for (const auto& other : present) {
        MUSTER_TRY(const auto other_issuer, pki::Certificate::from_der(other.certificate));
        if (!is_same_issuer(other_issuer, issuer)) continue;
        MUSTER_TRY(const auto begins, begin_of(tx, other));
        if (begins > list.this_update())
            return fail(Error(Errc::conflict, fmt::format("the group has a newer revocation list of '{}', of {}",
                                                          printable(list.issuer()), format_utc_seconds(begins)))
                            .with_number(code::conflict));
        replaced.push_back(other.issuer);
    }
    // Under the thumbprint of a certificate that was issued anew, too.
    for (const auto& before : replaced)
        if (before != record.issuer) MUSTER_CHECK(tx.group_crls().erase(record.group_id, before));
    if (!replaced.empty() || present.size() < max_lists) return {};
    return fail(bad_body(fmt::format("an enrollment group has at most {} revocation lists", max_lists)));
}

}  // namespace muster::provisioning
