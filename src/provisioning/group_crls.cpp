#include "provisioning/group_crls.h"

#include "base/log.h"
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

Error no_such_group(std::string_view id) {
    return Error(Errc::not_found, fmt::format("there is no enrollment group '{}'", printable(id)))
        .with_number(code::not_found);
}

Result<json::object> to_json(const GroupCrlRecord& record, TimePoint now) {
    MUSTER_TRY(const auto list, pki::RevocationList::from_der(record.list));
    json::object out{{"enrollmentGroupId", record.group_id},
                     {"issuer", list.issuer()},
                     {"issuerThumbprint", record.issuer},
                     {"thisUpdateUtc", format_utc(list.this_update())},
                     {"nextUpdateUtc", nullptr},
                     {"entries", list.size()},
                     {"mustBeCurrent", record.must_be_current},
                     {"ended", list.next_update() && *list.next_update() < now},
                     {"updatedUtc", format_utc(record.updated)}};
    if (const auto next = list.next_update()) out["nextUpdateUtc"] = format_utc(*next);
    return out;
}

struct Upload {
    pki::RevocationList list;
    pki::CertificateChain issuers;
    bool must_be_current;
};

Result<Upload> read_body(const json::object& body, TimePoint now) {
    MUSTER_TRY(const auto text, required_string(body, "crl"));
    MUSTER_TRY(const auto issuers, optional_string(body, "issuers"));
    MUSTER_TRY(const auto must_be_current, optional_bool(body, "mustBeCurrent"));
    auto list = pki::RevocationList::from_any(text);
    if (!list) return fail(bad_body(fmt::format("\"crl\": {}", list.error().chain())));
    if (list->this_update() > now + clock_skew)
        return fail(bad_body(fmt::format("the revocation list begins at {}, which is in the future",
                                         format_utc_seconds(list->this_update())))
                        .with_hint("compare the clocks of this service and of the CA"));
    if (must_be_current.value_or(false) && list->next_update().value_or(TimePoint::max()) < now)
        return fail(
            bad_body(fmt::format("the revocation list ended at {}, and it must be current: it would keep "
                                 "everyone out",
                                 format_utc_seconds(*list->next_update()))));
    Upload upload{std::move(*list), {}, must_be_current.value_or(false)};
    if (issuers && !issuers->empty()) {
        auto chain = pki::parse_chain(*issuers);
        if (!chain) return fail(bad_body(fmt::format("\"issuers\": {}", chain.error().chain())));
        upload.issuers = std::move(*chain);
    }
    return upload;
}

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

// The certificate whose key signed the list, and which is the group's to trust.
Result<pki::Certificate> find_issuer(const Upload& upload, const pki::CertificateChain& anchors, TimePoint now) {
    for (const auto& anchor : anchors)
        if (upload.list.check_signed_by(anchor)) return anchor;
    if (upload.issuers.empty())
        return fail(bad_body(fmt::format("the revocation list of '{}' is not signed by a CA of this group",
                                         printable(upload.list.issuer())))
                        .with_hint("when its issuer stands below a CA of the group, give that certificate and what is "
                                   "between as \"issuers\""));
    if (auto signature = upload.list.check_signed_by(upload.issuers.front()); !signature)
        return fail(bad_body(signature.error().chain()));
    const auto find = [&](const pki::Certificate& certificate) {
        pki::CertificateChain found;
        for (const auto& anchor : anchors)
            if (anchor.subject_der() == certificate.issuer_der()) found.push_back(anchor);
        return found;
    };
    const auto path = pki::validate_client_path(upload.issuers, find, {.now = now, .purpose = pki::Purpose::any});
    if (!path.ok())
        return fail(bad_body(fmt::format("\"issuers\" do not lead to a CA of this group: {}", path.explanation)));
    return upload.issuers.front();
}

Result<> check_place(Tx& tx, const GroupCrlRecord& record, const pki::RevocationList& list) {
    MUSTER_TRY(const auto present, tx.group_crls().list_group(record.group_id));
    for (const auto& other : present) {
        if (other.issuer != record.issuer) continue;
        MUSTER_TRY(const auto before, pki::RevocationList::from_der(other.list));
        if (before.this_update() <= list.this_update()) return {};
        return fail(
            Error(Errc::conflict, fmt::format("the group has a newer revocation list of '{}', of {}",
                                              printable(list.issuer()), format_utc_seconds(before.this_update())))
                .with_number(code::conflict));
    }
    if (present.size() < max_lists) return {};
    return fail(bad_body(fmt::format("an enrollment group has at most {} revocation lists", max_lists)));
}

}  // namespace

Task<Result<json::object>> GroupCrls::put(std::string group_id, json::object body, store::Origin by) {
    const auto now = clock_.now();
    MUSTER_CO_TRY(const auto upload, read_body(body, now));
    MUSTER_CO_TRY(const auto record, co_await store_.transact([&](Tx& tx) -> Result<GroupCrlRecord> {
        MUSTER_TRY(const auto group, tx.enrollment_groups().find(group_id));
        if (!group) return fail(no_such_group(group_id));
        MUSTER_TRY(const auto anchors, anchors_of(tx, *group));
        MUSTER_TRY(const auto issuer, find_issuer(upload, anchors, now));
        GroupCrlRecord made{.group_id = group->id,
                            .issuer = issuer.sha256_thumbprint(),
                            .list = upload.list.der(),
                            .certificate = issuer.der(),
                            .must_be_current = upload.must_be_current,
                            .updated = now};
        MUSTER_CHECK(check_place(tx, made, upload.list));
        MUSTER_CHECK(tx.group_crls().put(made));
        MUSTER_CHECK(tx.journal().change(by, now, "revocationList.written", made.group_id,
                                         {{"issuer", upload.list.issuer()},
                                          {"thisUpdateUtc", format_utc(upload.list.this_update())},
                                          {"entries", upload.list.size()}}));
        return made;
    }));
    MUSTER_CO_CHECK(co_await groups_.refresh());
    co_return to_json(record, now);
}

Task<Result<json::array>> GroupCrls::list(std::string group_id) {
    co_return co_await store_.read([&](Tx& tx) -> Result<json::array> {
        MUSTER_TRY(const auto group, tx.enrollment_groups().find(group_id));
        if (!group) return fail(no_such_group(group_id));
        MUSTER_TRY(const auto records, tx.group_crls().list_group(group_id));
        json::array out;
        for (const auto& record : records) {
            MUSTER_TRY(auto object, to_json(record, clock_.now()));
            out.push_back(std::move(object));
        }
        return out;
    });
}

Task<Result<>> GroupCrls::remove(std::string group_id, std::string issuer, store::Origin by) {
    MUSTER_CO_CHECK(co_await store_.transact([&](Tx& tx) -> Result<> {
        MUSTER_TRY(const auto erased, tx.group_crls().erase(group_id, to_upper(issuer)));
        if (erased)
            return tx.journal().change(by, clock_.now(), "revocationList.deleted", group_id,
                                       {{"issuer", to_upper(issuer)}});
        return fail(
            Error(Errc::not_found, fmt::format("the enrollment group '{}' has no revocation list of the issuer {}",
                                               printable(group_id), printable(issuer)))
                .with_number(code::not_found));
    }));
    co_return co_await groups_.refresh();
}

}  // namespace muster::provisioning
