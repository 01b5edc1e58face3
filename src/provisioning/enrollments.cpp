#include "provisioning/enrollments.h"

#include "base/log.h"
#include "base/text.h"
#include "provisioning/assignment_order.h"
#include "provisioning/attestation_json.h"
#include "provisioning/errors.h"
#include "provisioning/events.h"
#include "provisioning/identifiers.h"
#include "provisioning/registration_json.h"
#include "provisioning/trust_bundles.h"

namespace muster::provisioning {
namespace {

using store::EnrollmentRecord;
using store::RegistrationRecord;
using store::Tx;

store::EnrollmentTable table(Tx& tx, EnrollmentKind kind) {
    return kind == EnrollmentKind::individual ? tx.enrollments() : tx.enrollment_groups();
}

Error no_such(EnrollmentKind kind, std::string_view id) {
    return Error(Errc::not_found, fmt::format("there is no {} '{}'", noun(kind), printable(id)))
        .with_number(code::not_found);
}

// The certificates that mark a group: its own, or those its CA references name.
Result<std::vector<std::string>> group_fingerprints(Tx& tx, const EnrollmentRecord& group) {
    std::vector<std::string> prints;
    for (const auto* der : {&group.primary_certificate, &group.secondary_certificate})
        if (!der->empty()) prints.push_back(hex_encode_upper(pki::sha256(*der)));
    for (const auto& name : ca_references(group)) {
        MUSTER_TRY(const auto ca, tx.ca_certificates().find(name));
        if (!ca)
            return fail(
                bad_body(fmt::format("attestation.x509.caReferences names the CA certificate '{}', which is not "
                                     "uploaded",
                                     printable(name)))
                    .with_hint("upload it first: muster ca-certificate create, or PUT /certificates/{name}"));
        prints.push_back(hex_encode_upper(pki::sha256(ca->certificate)));
    }
    return prints;
}

// "<microseconds since 1970>/<id>" in a continuation.
Result<store::RegistrationPlace> read_registration_place(const std::string& token) {
    MUSTER_TRY(const auto text, read_continuation(token));
    if (text.empty()) return store::RegistrationPlace{};
    const auto slash = text.find('/');
    const auto created = parse_integer<std::int64_t>(std::string_view(text).substr(0, slash));
    if (slash == std::string::npos || !created) return fail(bad_body("x-ms-continuation is not a token of this query"));
    return store::RegistrationPlace{.created = TimePoint(Micros(*created)), .id = text.substr(slash + 1)};
}

std::string place_of(const EnrollmentRecord& record) {
    return record.id;
}

std::string place_of(const RegistrationRecord& record) {
    return fmt::format("{}/{}", record.created.time_since_epoch().count(), record.id);
}

template <class Record>
std::string cut(std::vector<Record>& records, std::size_t limit) {
    return cut_page(records, limit, [](const Record& record) { return place_of(record); });
}

std::string journal_type(EnrollmentKind kind, std::string_view what) {
    return fmt::format("{}.{}", kind == EnrollmentKind::individual ? "enrollment" : "enrollmentGroup", what);
}

// What the journal tells of a change: the etags, and which members are others now; nothing of their content.
json::object journal_detail(const EnrollmentRecord* before, const EnrollmentRecord* after) {
    json::object detail;
    if (before != nullptr) detail["etagBefore"] = before->etag;
    if (after != nullptr) detail["etagAfter"] = after->etag;
    if (before == nullptr || after == nullptr) return detail;
    auto changed = changed_members(before->body, after->body);
    if (before->primary_key != after->primary_key || before->secondary_key != after->secondary_key)
        changed.emplace_back("attestation.symmetricKey");
    detail["changed"] = std::move(changed);
    return detail;
}

// The record, and the assignment that may still wait for its hub. Identities stay.
Result<> forget_registration(Tx& tx, std::string_view registration_id) {
    MUSTER_CHECK(tx.registrations().erase(registration_id));
    MUSTER_CHECK(tx.outbox().erase(assignment_key(registration_id)));
    return {};
}

// A listing tells of certificates by their info; here they stand beside it, and a PUT takes them as new.
void add_certificates(const EnrollmentRecord& record, json::object& out) {
    auto* x509 = out["attestation"].as_object().if_contains("x509");
    if (x509 == nullptr) return;
    for (const std::string_view form : {"clientCertificates", "signingCertificates"}) {
        auto* slots = x509->as_object().if_contains(form);
        if (slots == nullptr || !slots->is_object()) continue;
        const auto add = [&](std::string_view slot, const Bytes& der) {
            if (!der.empty()) slots->as_object()[slot].as_object()["certificate"] = base64_encode(der);
        };
        add("primary", record.primary_certificate);
        add("secondary", record.secondary_certificate);
    }
}

}  // namespace

Result<EnrollmentRecord> Enrollments::write(Tx& tx, EnrollmentKind kind, const std::string& id,
                                            const json::object& body, const std::optional<std::string>& if_match,
                                            bool only_new, const store::Origin& by) {
    MUSTER_TRY(const auto existing, table(tx, kind).find(id));
    if (existing && only_new)
        return fail(
            Error(Errc::already_exists, fmt::format("the {} '{}' exists", noun(kind), id)).with_number(code::conflict));
    if (if_match) {
        if (!existing) return fail(no_such(kind, id));
        MUSTER_CHECK(check_if_match(*if_match, existing->etag, fmt::format("{} '{}'", noun(kind), id)));
    }
    MUSTER_TRY(auto record, enrollment_from_json(kind, id, body, existing ? &*existing : nullptr, facts_, random_));
    const auto now = clock_.now();
    MUSTER_CHECK(use_trust_bundle(tx, record, existing ? &*existing : nullptr));
    record.etag = make_enrollment_etag(random_);
    record.created = existing ? existing->created : now;
    record.updated = now;
    if (kind == EnrollmentKind::group) {
        MUSTER_TRY(const auto prints, group_fingerprints(tx, record));
        MUSTER_CHECK(tx.group_certificates().replace(record.id, prints));
    }
    MUSTER_CHECK(table(tx, kind).put(record));
    MUSTER_CHECK(tx.journal().change(by, now, journal_type(kind, existing ? "updated" : "created"), record.id,
                                     journal_detail(existing ? &*existing : nullptr, &record)));
    return record;
}

Result<> Enrollments::erase(Tx& tx, EnrollmentKind kind, const std::string& id,
                            const std::optional<std::string>& if_match, const store::Origin& by) {
    MUSTER_TRY(const auto existing, table(tx, kind).find(id));
    if (!existing) return fail(no_such(kind, id));
    if (if_match) MUSTER_CHECK(check_if_match(*if_match, existing->etag, fmt::format("{} '{}'", noun(kind), id)));
    MUSTER_CHECK(table(tx, kind).erase(id));
    if (kind == EnrollmentKind::group) MUSTER_CHECK(tx.group_crls().erase_group(id));
    MUSTER_CHECK(tx.journal().change(by, clock_.now(), journal_type(kind, "deleted"), existing->id,
                                     journal_detail(&*existing, nullptr)));
    if (kind == EnrollmentKind::group) return tx.group_certificates().replace(id, {});
    MUSTER_CHECK(tx.tpm_keys().erase(id));
    // The record of an individual enrollment goes with it (facts/dps.md 3.5).
    return forget_registration(tx, id);
}

json::object Enrollments::with_policy(json::object enrollment) const {
    if (find_member(enrollment, "allocationPolicy") == nullptr)
        enrollment["allocationPolicy"] = to_string(facts_.hubs()->default_policy());
    return enrollment;
}

// Groups are judged from memory: a change is answered only once the memory knows it.
Task<Result<>> Enrollments::after_change(EnrollmentKind kind) {
    if (kind == EnrollmentKind::group) MUSTER_CO_CHECK(co_await groups_.refresh());
    co_return Result<>();
}

Task<Result<json::object>> Enrollments::put(EnrollmentKind kind, std::string id, json::object body,
                                            std::optional<std::string> if_match, store::Origin by) {
    MUSTER_CO_CHECK(co_await facts_.catch_up());
    MUSTER_CO_TRY(const auto record,
                  co_await store_.transact([&](Tx& tx) { return write(tx, kind, id, body, if_match, false, by); }));
    MUSTER_CO_CHECK(co_await after_change(kind));
    co_return with_policy(enrollment_to_json_with_keys(record));
}

Task<Result<json::object>> Enrollments::get(EnrollmentKind kind, std::string id) {
    MUSTER_CO_CHECK(co_await facts_.catch_up());
    co_return co_await store_.read([&](Tx& tx) -> Result<json::object> {
        MUSTER_TRY(const auto record, table(tx, kind).find(id));
        if (!record) return fail(no_such(kind, id));
        auto out = with_policy(enrollment_to_json(*record));
        if (kind == EnrollmentKind::individual) {
            MUSTER_TRY(const auto registration, tx.registrations().find(id));
            if (registration) out["registrationState"] = registration_state(*registration);
        }
        return out;
    });
}

Task<Result<>> Enrollments::remove(EnrollmentKind kind, std::string id, std::optional<std::string> if_match,
                                   store::Origin by) {
    MUSTER_CO_CHECK(co_await store_.transact([&](Tx& tx) { return erase(tx, kind, id, if_match, by); }));
    co_return co_await after_change(kind);
}

Task<Result<PageOf>> Enrollments::query(EnrollmentKind kind, json::object body, PageRequest page) {
    MUSTER_CO_CHECK(check_query(body));
    MUSTER_CO_CHECK(co_await facts_.catch_up());
    MUSTER_CO_TRY(const auto after, read_continuation(page.continuation));
    co_return co_await store_.read([&](Tx& tx) -> Result<PageOf> {
        const auto limit = page_size(page);
        MUSTER_TRY(auto records, table(tx, kind).list({.after = after, .limit = limit + 1}));
        PageOf out{.continuation = cut(records, limit)};
        for (const auto& record : records) out.items.push_back(with_policy(enrollment_to_json(record)));
        return out;
    });
}

Task<Result<PageOf>> Enrollments::export_page(EnrollmentKind kind, PageRequest page, bool with_keys) {
    MUSTER_CO_TRY(const auto after, read_continuation(page.continuation));
    co_return co_await store_.read([&](Tx& tx) -> Result<PageOf> {
        const auto limit = page_size(page);
        MUSTER_TRY(auto records, table(tx, kind).list({.after = after, .limit = limit + 1}));
        PageOf out{.continuation = cut(records, limit)};
        for (const auto& record : records) {
            auto item = with_keys ? enrollment_to_json_with_keys(record) : enrollment_to_json(record);
            add_certificates(record, item);
            out.items.push_back(std::move(item));
        }
        return out;
    });
}

Task<Result<json::object>> Enrollments::attestation(EnrollmentKind kind, std::string id) {
    co_return co_await store_.read([&](Tx& tx) -> Result<json::object> {
        MUSTER_TRY(const auto record, table(tx, kind).find(id));
        if (!record) return fail(no_such(kind, id));
        return attestation_mechanism(*record);
    });
}

Task<Result<json::object>> Enrollments::get_registration(std::string registration_id) {
    co_return co_await store_.read([&](Tx& tx) -> Result<json::object> {
        MUSTER_TRY(const auto record, tx.registrations().find(registration_id));
        if (!record)
            return fail(
                Error(Errc::not_found, fmt::format("there is no registration of '{}'", printable(registration_id)))
                    .with_number(code::not_found));
        return registration_state(*record);
    });
}

Task<Result<>> Enrollments::remove_registration(std::string registration_id, std::optional<std::string> if_match,
                                                store::Origin by) {
    co_return co_await store_.transact([&](Tx& tx) -> Result<> {
        MUSTER_TRY(const auto record, tx.registrations().find(registration_id));
        if (!record)
            return fail(
                Error(Errc::not_found, fmt::format("there is no registration of '{}'", printable(registration_id)))
                    .with_number(code::not_found));
        if (if_match)
            MUSTER_CHECK(
                check_if_match(*if_match, record->etag, fmt::format("the registration of '{}'", registration_id)));
        MUSTER_CHECK(forget_registration(tx, registration_id));
        return tx.journal().change(by, clock_.now(), "registration.deleted", record->id,
                                   {{"etagBefore", record->etag}, {"status", record->status}});
    });
}

Task<Result<PageOf>> Enrollments::query_registrations(std::string group_id, PageRequest page) {
    MUSTER_CO_TRY(const auto after, read_registration_place(page.continuation));
    co_return co_await store_.read([&](Tx& tx) -> Result<PageOf> {
        const auto limit = page_size(page);
        MUSTER_TRY(auto records, tx.registrations().list_group(group_id, after, limit + 1));
        if (records.empty()) {
            MUSTER_TRY(const auto group, tx.enrollment_groups().find(group_id));
            if (!group) return fail(no_such(EnrollmentKind::group, group_id));
        }
        PageOf out{.continuation = cut(records, limit)};
        for (const auto& record : records) out.items.push_back(registration_state(record));
        return out;
    });
}

Task<Result<json::object>> Enrollments::counts() {
    co_return co_await store_.read([&](Tx& tx) -> Result<json::object> {
        MUSTER_TRY(const auto individual, tx.enrollments().count());
        MUSTER_TRY(const auto groups, tx.enrollment_groups().count());
        MUSTER_TRY(const auto by_status, tx.registrations().count_by_status());
        json::object registrations;
        for (const auto& [status, count] : by_status) registrations[status] = count;
        return json::object{
            {"enrollments", individual}, {"enrollmentGroups", groups}, {"registrations", std::move(registrations)}};
    });
}

Task<Result<json::array>> Enrollments::latest_registrations(std::size_t limit) {
    co_return co_await store_.read([&](Tx& tx) -> Result<json::array> {
        MUSTER_TRY(const auto records, tx.registrations().latest(limit));
        json::array out;
        for (const auto& record : records) out.push_back(registration_state(record));
        return out;
    });
}

}  // namespace muster::provisioning
