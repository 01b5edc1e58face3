#include "provisioning/certificate_enrolment.h"

#include "base/log.h"
#include "base/text.h"
#include "pki/subject.h"
#include "provisioning/enrollment.h"
#include "provisioning/errors.h"
#include "provisioning/identifiers.h"

namespace muster::provisioning {

using authority::CertificateRequest;
using store::Tx;

// What a credential comes to, inside one transaction.
struct CertificateEnrolment::Admission {
    std::string device;  // the registration id that is proven
    std::string group_id;
    std::string_view by;                                   // for the log
    bool changed = false;                                  // the group is not what it was judged by: judge again
    std::optional<store::OneTimePasswordRecord> password;  // to be spent
    std::optional<pki::Certificate> again;                 // what it was spent on, for the same key
};

namespace {

Error forbidden(std::string message) {
    return Error(Errc::forbidden, std::move(message));
}

// That the group may have devices enrolled under it now, and edge CAs for them where that is asked for.
Result<> check_group(const store::EnrollmentRecord& group, const EnrolmentRequest& request,
                     const CertificateRequest& csr) {
    if (!request.group_id.empty() && !equals_ignore_case(request.group_id, group.id))
        return fail(forbidden(fmt::format("the credential is for the enrollment group '{}', the path says '{}'",
                                          group.id, printable(request.group_id)))
                        .with_hint("use /.well-known/est/{enrollment group}/..., or no label at all"));
    MUSTER_TRY(const auto rules, enrollment_rules(group));
    if (!rules.enabled) return fail(forbidden(fmt::format("the enrollment group '{}' is disabled", group.id)));
    if (!csr.for_edge_ca || rules.edge_ca) return {};
    return fail(forbidden(fmt::format("the certificate request asks for a CA certificate (basicConstraints CA:TRUE), "
                                      "and the enrollment group '{}' does not let its devices have an edge CA",
                                      group.id))
                    .with_hint(fmt::format("to allow it: muster enrollment-group update {} --edge-ca true; or let the "
                                           "device make its edge CA itself",
                                           group.id)));
}

// An individual enrollment decides alone about its device: what a group's device gets would not let it in.
Result<> check_no_individual(Tx& tx, const std::string& name) {
    MUSTER_TRY(const auto individual, tx.enrollments().find(name));
    if (!individual) return {};
    return fail(
        forbidden(fmt::format("'{}' has an individual enrollment, which decides in place of any group", individual->id))
            .with_hint("delete the individual enrollment to let the group decide"));
}

bool has_key(const pki::Certificate& certificate, const pki::PublicKey& key) {
    const auto own = certificate.public_key();
    return own && *own == key;
}

bool is_in_force(const store::IssuedCertificateRecord& record, TimePoint now) {
    return !record.revoked && record.not_after > now;
}

bool is_edge_ca(const store::IssuedCertificateRecord& record) {
    return record.origin == authority::edge_ca_origin;
}

// A certificate in force that the name has under that group, for the key of the request.
Result<std::optional<pki::Certificate>> issued_for(Tx& tx, const CertificateRequest& csr, std::string_view group_id,
                                                   TimePoint now) {
    constexpr std::size_t looked_at = 100;
    MUSTER_TRY(const auto records, tx.issued_certificates().list({.registration_id = csr.common_name}, "", looked_at));
    for (const auto& record : records) {
        if (is_edge_ca(record) || !is_in_force(record, now) || !equals_ignore_case(record.group_id, group_id)) continue;
        MUSTER_TRY(auto certificate, pki::Certificate::from_der(record.certificate));
        if (has_key(certificate, csr.key)) return std::move(certificate);
    }
    return std::nullopt;
}

// The edge CA that a device was given since then, the last one.
Result<std::optional<store::IssuedCertificateRecord>> edge_ca_since(Tx& tx, std::string_view device, TimePoint since) {
    constexpr std::size_t page_size = 100;
    std::optional<store::IssuedCertificateRecord> latest;
    std::string after;
    for (;;) {
        MUSTER_TRY(auto page, tx.issued_certificates().list({.registration_id = device}, after, page_size));
        for (auto& record : page) {
            after = record.serial;
            if (is_edge_ca(record) && record.issued >= since && (!latest || latest->issued < record.issued))
                latest = std::move(record);
        }
        if (page.size() < page_size) return latest;
    }
}

// That nobody has the name yet, nor is meant to get it by a password.
Result<bool> is_free(Tx& tx, const std::string& name, TimePoint now) {
    MUSTER_TRY(const auto registration, tx.registrations().find(name));
    MUSTER_TRY(const auto issued, tx.issued_certificates().count_since(name, TimePoint{}));
    MUSTER_TRY(const auto identity, tx.identities().find(name));
    MUSTER_TRY(const auto password, tx.one_time_passwords().find(name));
    const bool awaited = password && password->used_for.empty() && password->expires >= now;
    return !registration && issued == 0 && !identity && !awaited;
}

// What a password was used for already, of the kind that is asked for: it serves one device certificate, and beside it
// one edge CA, which a device asks for later. One that is forgotten by now leaves an empty record.
Result<std::optional<store::IssuedCertificateRecord>> spent_for(Tx& tx, const store::OneTimePasswordRecord& password,
                                                                const CertificateRequest& csr) {
    if (csr.for_edge_ca) return edge_ca_since(tx, password.registration_id, password.created);
    if (password.used_for.empty()) return std::nullopt;
    MUSTER_TRY(auto spent_on, tx.issued_certificates().find(password.used_for));
    return std::optional(std::move(spent_on).value_or(store::IssuedCertificateRecord{}));
}

// Of the device's making, and not of the service's.
bool is_refusal(const Error& error) {
    return error.code() == Errc::unauthorized || error.code() == Errc::forbidden;
}

void log_refusal(const EnrolmentRequest& request, const Error& error) {
    log::warn("certificate refused",
              {{"group", printable(request.group_id)},
               {"reason", error.chain()},
               {"presented", request.chain.empty() ? "no certificate" : printable(request.chain.front().subject())},
               {"user", printable(request.user)},
               {"peer", request.peer},
               {"trackingId", request.tracking_id}});
}

}  // namespace

Result<std::optional<pki::Certificate>> CertificateEnrolment::check_name(Tx& tx, const pki::Certificate& leaf,
                                                                         const Verdict& verdict,
                                                                         const CertificateRequest& csr) const {
    const auto& name = csr.common_name;
    if (equals_ignore_case(leaf.common_name(), name)) return std::nullopt;
    if (verdict.issued_here || !authority_.policy().shared_bootstrap)
        return fail(
            forbidden(fmt::format("the certificate request is for '{}', the presented certificate for '{}'",
                                  printable(name), printable(leaf.common_name())))
                .with_hint("ask for the name that the certificate has, or let `shared_bootstrap` of [authority] "
                           "allow one bootstrap certificate to enrol devices of new names"));
    MUSTER_TRY(auto before, issued_for(tx, csr, verdict.group->group.id, clock_.now()));
    if (before) return before;
    MUSTER_TRY(const auto free, is_free(tx, name, clock_.now()));
    if (free) return std::nullopt;
    return fail(forbidden(fmt::format("'{}' is known already: a shared bootstrap certificate enrols new names alone",
                                      printable(name)))
                    .with_hint("renew with the device's own certificate, or give it a one-time password"));
}

Result<CertificateEnrolment::Admission> CertificateEnrolment::admit_by_certificate(Tx& tx,
                                                                                   const EnrolmentRequest& request,
                                                                                   const CertificateRequest& csr,
                                                                                   const Verdict& judged) const {
    const auto& leaf = request.chain.front();
    auto verdict = judged;
    if (judged.issued_here) {
        MUSTER_TRY(verdict, look_up_issued(tx, judged, *groups_.current(), clock_.now()));
    }
    const bool follows_edge_ca = csr.for_edge_ca && verdict.edge_ca;
    if (!follows_edge_ca && !verdict.usable()) return fail(unauthorized(verdict.fault));
    if (!follows_edge_ca && !verdict.group) return fail(unauthorized(verdict.group_fault));
    const auto proven = follows_edge_ca ? verdict.edge_ca->group : verdict.group->group;
    MUSTER_TRY(const auto group, tx.enrollment_groups().find(proven.id));
    if (!group || !proven.judges_like(*group)) return Admission{.changed = true};
    auto device = follows_edge_ca ? verdict.edge_ca->registration_id : std::string(leaf.common_name());
    if (!csr.for_edge_ca) device = csr.common_name;
    MUSTER_CHECK(check_no_individual(tx, device));
    MUSTER_CHECK(check_group(*group, request, csr));
    std::optional<pki::Certificate> again;
    if (csr.for_edge_ca) {
        MUSTER_CHECK(check_id(device, "registration id"));
    } else {
        MUSTER_TRY(again, check_name(tx, leaf, verdict, csr));
    }
    if (request.renews && !pki::same_subject(leaf, csr.csr))
        return fail(forbidden(fmt::format("a renewal keeps the subject: it is '{}' in the presented certificate",
                                          printable(leaf.subject())))
                        .with_hint("ask for the same subject, or use simpleenroll"));
    return Admission{.device = std::move(device),
                     .group_id = group->id,
                     .by = verdict.issued_here ? "own certificate" : "bootstrap certificate",
                     .again = std::move(again)};
}

Result<CertificateEnrolment::Admission> CertificateEnrolment::admit_by_password(Tx& tx, const EnrolmentRequest& request,
                                                                                const CertificateRequest& csr) const {
    MUSTER_TRY(const auto record, tx.one_time_passwords().find(request.user));
    if (!record || !authority::is_password(*record, request.password.text()))
        return fail(unauthorized("user name and password are no one-time password of this service"));
    if (record->expires < clock_.now())
        return fail(unauthorized(fmt::format("the one-time password of '{}' ended at {}", record->registration_id,
                                             format_utc_seconds(record->expires)))
                        .with_hint("make a new one: `muster authority one-time-password`"));
    if (!csr.for_edge_ca && !equals_ignore_case(record->registration_id, csr.common_name))
        return fail(forbidden(fmt::format("the certificate request is for '{}', the one-time password for '{}'",
                                          printable(csr.common_name), record->registration_id)));
    if (request.renews)
        return fail(forbidden("a renewal (simplereenroll) is asked for with the certificate that it renews"));
    MUSTER_TRY(const auto group, tx.enrollment_groups().find(record->group_id));
    if (!group) return fail(forbidden(fmt::format("the enrollment group '{}' is gone", printable(record->group_id))));
    MUSTER_CHECK(check_no_individual(tx, record->registration_id));
    MUSTER_CHECK(check_group(*group, request, csr));
    Admission admission{.device = csr.for_edge_ca ? record->registration_id : csr.common_name,
                        .group_id = group->id,
                        .by = "one-time password"};
    if (!csr.for_edge_ca) admission.password = record;
    MUSTER_TRY(const auto spent_on, spent_for(tx, *record, csr));
    if (!spent_on) return admission;
    if (is_in_force(*spent_on, clock_.now())) {
        MUSTER_TRY(auto certificate, pki::Certificate::from_der(spent_on->certificate));
        if (has_key(certificate, csr.key)) {
            admission.again = std::move(certificate);
            return admission;
        }
    }
    return fail(unauthorized(fmt::format("the one-time password of '{}' was used already{}", record->registration_id,
                                         csr.for_edge_ca ? " for an edge CA" : ""))
                    .with_hint("renew with the certificate that it was used for, or make a new password"));
}

// Whatever proves most: a device may send its password on when it has its certificate by now.
Result<CertificateEnrolment::Admission> CertificateEnrolment::admit(Tx& tx, const EnrolmentRequest& request,
                                                                    const CertificateRequest& csr,
                                                                    const Verdict& verdict) const {
    if (request.chain.empty() && request.user.empty())
        return fail(unauthorized("neither a client certificate nor a one-time password was presented")
                        .with_hint("connect with the bootstrap certificate, or with user name and one-time password"));
    if (request.chain.empty()) return admit_by_password(tx, request, csr);
    auto admission = admit_by_certificate(tx, request, csr, verdict);
    if (admission || request.user.empty() || !is_refusal(admission.error())) return admission;
    auto by_password = admit_by_password(tx, request, csr);
    if (by_password) return by_password;
    return fail(by_password.error().code(), "{}; and {}", admission.error().chain(), by_password.error().chain());
}

// Nothing when the groups changed meanwhile.
Task<Result<std::optional<pki::Certificate>>> CertificateEnrolment::attempt(EnrolmentRequest& request,
                                                                            const CertificateRequest& csr) {
    const auto verdict =
        request.chain.empty() ? Verdict() : judge_chain(request.chain, *groups_.current(), verified_, clock_.now());
    // By a reader first: nothing is signed for strangers, and they do not queue for the writer.
    MUSTER_CO_TRY(auto admission, co_await store_.read([&](Tx& tx) { return admit(tx, request, csr, verdict); }));
    if (admission.changed) co_return std::nullopt;
    // Once for each enrolment, however often it is judged.
    if (const auto admit_group = std::exchange(request.admit_group, {}))
        MUSTER_CO_CHECK(admit_group(admission.group_id));
    if (admission.again) co_return std::move(admission.again);
    authority::Subject subject{.registration_id = admission.device,
                               .group_id = admission.group_id,
                               .origin = std::string(csr.for_edge_ca ? authority::edge_ca_origin : "est"),
                               .by = std::string(admission.by),
                               .peer = request.peer,
                               .tracking_id = request.tracking_id};
    MUSTER_CO_TRY(const auto made, co_await authority_.sign(csr, std::move(subject)));
    MUSTER_CO_TRY(auto outcome, co_await store_.transact([&](Tx& tx) -> Result<std::optional<pki::Certificate>> {
        MUSTER_TRY(auto now, admit(tx, request, csr, verdict));
        if (now.again) return std::move(now.again);
        if (now.changed || now.group_id != admission.group_id || now.device != admission.device) return std::nullopt;
        MUSTER_CHECK(authority_.record(tx, made));
        if (now.password) {
            now.password->used_for = made.record.serial;
            MUSTER_CHECK(tx.one_time_passwords().put(*now.password));
        }
        return made.certificate;
    }));
    if (outcome && outcome->serial_hex() == made.record.serial) authority::log_issued(made);
    co_return outcome;
}

Task<Result<bool>> CertificateEnrolment::is_outdated(const Error& refusal, std::int64_t groups_version) {
    if (!is_refusal(refusal)) co_return false;
    co_return co_await groups_.changed_since(groups_version);
}

Task<Result<pki::Certificate>> CertificateEnrolment::enrol(EnrolmentRequest request) {
    MUSTER_CO_CHECK(co_await authority_.find_issuing());
    MUSTER_CO_TRY(const auto csr,
                  authority::read_certificate_request(request.csr, authority::Wanted::device_or_edge_ca));
    // An edge CA's name is its own affair: whose it is follows from the credential.
    if (!csr.for_edge_ca) MUSTER_CO_CHECK(check_id(csr.common_name, "registration id"));
    MUSTER_CO_CHECK(co_await groups_.refresh_if_stale());
    constexpr int attempts = 3;
    for (int i = 0; i < attempts; ++i) {
        const auto version = groups_.current()->version();
        auto certificate = co_await attempt(request, csr);
        if (!certificate) {
            MUSTER_CO_TRY(const auto outdated, co_await is_outdated(certificate.error(), version));
            if (outdated) continue;
            log_refusal(request, certificate.error());
            co_return std::unexpected(std::move(certificate).error());
        }
        if (*certificate) co_return std::move(**certificate);
        MUSTER_CO_CHECK(co_await groups_.refresh());
    }
    co_return fail(Errc::unavailable, "the enrollment group keeps changing; try again");
}

}  // namespace muster::provisioning
