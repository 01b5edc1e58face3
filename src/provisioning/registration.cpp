#include "provisioning/registration.h"

#include "base/log.h"
#include "base/text.h"
#include "provisioning/enrollment.h"
#include "provisioning/errors.h"
#include "provisioning/identifiers.h"
#include "provisioning/operation_id.h"
#include "provisioning/registration_csr.h"
#include "provisioning/registration_decision.h"
#include "provisioning/registration_journal.h"
#include "provisioning/registration_json.h"
#include "store/topic_versions.h"

namespace muster::provisioning {

using store::EnrollmentRecord;
using store::RegistrationRecord;
using store::Tx;

namespace {

std::string describe_credential(const DeviceRequest& request) {
    if (!request.authorization.empty()) return "shared access signature";
    return request.chain.empty() ? "nothing" : printable(request.chain.front().subject());
}

std::string what_mends(const Verdict& verdict) {
    if (!verdict.usable()) return "give the device a client certificate that is in force; check the clocks of both";
    if (!verdict.mend.empty()) return verdict.mend;
    return "present the leaf with all its intermediates; enroll the certificate or one of its issuers";
}

// One sentence for all who are not known here, whatever of it is stored: only what the device itself showed.
std::unexpected<Error> unknown_device(const DeviceRequest& request, const Verdict& verdict) {
    const auto& why = verdict.usable() ? verdict.group_fault : verdict.fault;
    if (verdict.issued_here)
        return fail(
            unauthorized(
                fmt::format("the certificate '{}' lets nobody in: {}", printable(request.chain.front().subject()), why))
                .with_hint("let the device enrol again: with its bootstrap certificate or a one-time password"));
    if (verdict.token || request.chain.empty())
        return fail(
            unauthorized(fmt::format("no enrollment stands for this registration id and key: {}", why))
                .with_hint("check the registration id and the key; a group's device uses a key derived from the "
                           "group's"));
    return fail(unauthorized(fmt::format("no enrollment stands for the certificate '{}': {}",
                                         printable(request.chain.front().subject()),
                                         why.empty() ? "it is in no individual enrollment" : why))
                    .with_hint(what_mends(verdict)));
}

std::unexpected<Error> other_credential(const EnrollmentRecord& enrollment, const Verdict& verdict) {
    return fail(unauthorized(fmt::format("the individual enrollment '{}' holds another {} than the one presented{}",
                                         enrollment.id, verdict.token ? "key" : "certificate",
                                         verdict.token ? "" : fmt::format(" (SHA-256 {})", verdict.fingerprint)))
                    .with_hint("put the new credential into the enrollment, or delete the enrollment so that the group "
                               "decides"));
}

// Asks for the group that the device will be registered by: of a certificate issued here, its record says which.
Task<Result<>> check_group_limit(store::Store& store, const DeviceRequest& request, const Verdict& judged,
                                 const GroupIndex& groups, TimePoint now) {
    if (!request.admit_group) co_return Result<>();
    auto group = judged.group;
    if (judged.issued_here) {
        MUSTER_CO_TRY(auto looked_up,
                      co_await store.read([&](Tx& tx) { return look_up_issued(tx, judged, groups, now); }));
        group = std::move(looked_up.group);
    }
    if (!group) co_return Result<>();
    co_return request.admit_group(group->group.id);
}

void log_refusal(const DeviceRequest& request, const Error& error, std::string_view step) {
    log::warn("device refused", {{"registrationId", printable(request.registration_id)},
                                 {"step", step},
                                 {"reason", error.chain()},
                                 {"presented", describe_credential(request)},
                                 {"certificates", request.chain.size()},
                                 {"peer", request.peer},
                                 {"trackingId", request.tracking_id}});
}

}  // namespace

Result<> Registrations::check_address(const DeviceRequest& request) const {
    if (!equals_ignore_case(request.scope, identity_.scope))
        return fail(Error(Errc::not_found, fmt::format("there is no provisioning service with the id scope '{}' here",
                                                       printable(request.scope)))
                        .with_hint("set id_scope to the scope that `muster status` shows")
                        .with_number(code::not_found));
    return check_id(request.registration_id, "registration id");
}

Result<> Registrations::check_request(const DeviceRequest& request) const {
    MUSTER_CHECK(check_address(request));
    if (!request.authorization.empty()) return {};
    if (request.chain.empty())
        return fail(unauthorized("neither a client certificate nor a shared access signature was presented")
                        .with_hint("connect with the device identity certificate, its chain and its key"));
    return check_common_name(request.chain.front(), request.registration_id);
}

Verdict Registrations::judge(const DeviceRequest& request, std::chrono::seconds patience) {
    const auto groups = groups_.current();
    if (!request.authorization.empty()) return judge_token(request, *groups, clock_.now(), patience);
    return judge_chain(request.chain, *groups, verified_, clock_.now());
}

Result<std::optional<Registrations::Decision>> Registrations::decide(Tx& tx, const DeviceRequest& request,
                                                                     const Verdict& judged) const {
    Verdict looked_up;
    if (judged.issued_here) {
        MUSTER_TRY(looked_up, look_up_issued(tx, judged, *groups_.current(), clock_.now()));
    }
    const auto& verdict = judged.issued_here ? looked_up : judged;
    const bool known_by_group = verdict.usable() && verdict.group;
    MUSTER_TRY(auto individual, tx.enrollments().find(request.registration_id));
    if (individual) {
        MUSTER_TRY(auto rules, enrollment_rules(*individual));
        MUSTER_TRY(auto tpm, tpm_of(tx, verdict, *individual, rules));
        // A device that a group knows is blocked by its disabled individual enrollment, whatever that attests by.
        if (tpm || proves(verdict, request, *individual, rules) || (known_by_group && !rules.enabled))
            return Decision{std::move(*individual), std::move(rules), {}, std::move(tpm)};
        if (known_by_group) return other_credential(*individual, verdict);
        return unknown_device(request, verdict);
    }
    if (!known_by_group) return unknown_device(request, verdict);

    MUSTER_TRY(auto group, tx.enrollment_groups().find(verdict.group->group.id));
    if (!group || !verdict.group->group.judges_like(*group)) return std::nullopt;
    MUSTER_TRY(auto rules, enrollment_rules(*group));
    return Decision{std::move(*group), std::move(rules), verdict.group, {}};
}

Result<Registrations::Decision> Registrations::admit(Tx& tx, const DeviceRequest& request,
                                                     const Verdict& verdict) const {
    MUSTER_TRY(auto decision, decide(tx, request, verdict));
    if (decision) return std::move(*decision);
    return fail(Errc::unavailable, "the enrollment group is changing; try again");
}

// A hub that another musterd has linked a moment ago is no reason to fail: the error takes back what was done.
Result<> Registrations::check_hubs_are_newest(Tx& tx, std::int64_t known) const {
    if (hubs_ == nullptr || !store_.is_shared()) return {};
    MUSTER_TRY(const auto newest, tx.marks().find(store::hubs_version_mark));
    if (newest.value_or(0) == known) return {};
    // The number tells it from a database that does not answer, which is not asked once more.
    return fail(Error(Errc::unavailable, "the linked hubs are changing; try again").with_number(code::unavailable));
}

// Whether the certificate that the device asks for is there, and for the enrollment that decides now.
bool Registrations::is_made_for(const Asked& asked, const Decision& decision) {
    if (asked.csr == nullptr || !decision.rules.enabled) return true;
    return asked.certificate != nullptr &&
           asked.certificate->record.group_id == (decision.group ? decision.enrollment.id : std::string());
}

Result<std::optional<Registrations::Settlement>> Registrations::settle(Tx& tx, const Asked& asked,
                                                                       const Verdict& verdict) {
    const auto& request = asked.request;
    MUSTER_TRY(const auto decision, decide(tx, request, verdict));
    if (!decision || !is_made_for(asked, *decision)) return std::nullopt;
    MUSTER_TRY(const auto before, tx.registrations().find(request.registration_id));
    const auto now = clock_.now();
    RegistrationRecord record{.id = before ? before->id : request.registration_id,
                              .etag = make_registration_etag(random_),
                              .group_id = decision->group ? decision->enrollment.id : "",
                              // Until this ends, and if it fails, the device is where it was.
                              .assigned_hub = before ? before->assigned_hub : "",
                              .device_id = before ? before->device_id : "",
                              .leaf_fingerprint = verdict.fingerprint,
                              .created = before ? before->created : now,
                              .updated = now};
    const auto list = hubs();
    Assigner assigner{tx, *list, now, random_};
    MUSTER_TRY(auto wakes, assign(assigner, *decision, asked, record, before ? &*before : nullptr));
    if (record.status == "failed" && record.error_code == code::no_hub)
        MUSTER_CHECK(check_hubs_are_newest(tx, list->version()));
    if (decision->tpm) MUSTER_CHECK(tx.tpm_keys().prove(record.id, decision->tpm->storage_key));
    if (asked.certificate != nullptr && decision->rules.enabled && record.status != "failed") {
        MUSTER_CHECK(authority_->record(tx, *asked.certificate));
        record.issued_serial = asked.certificate->record.serial;
    }
    MUSTER_CHECK(tx.registrations().put(record));
    MUSTER_CHECK(journal_registration(tx, record, request));
    return Settlement{std::move(record), std::move(wakes), std::move(assigner.left_behind)};
}

Task<Result<std::optional<authority::Signed>>> Registrations::sign_requested(const Asked& asked,
                                                                             const Verdict& verdict) {
    if (asked.csr == nullptr) co_return std::nullopt;
    if (authority_ == nullptr) co_return fail(authority::authority_is_off());
    const auto& id = asked.request.registration_id;
    MUSTER_CO_TRY(const auto decision,
                  co_await store_.read([&](Tx& tx) { return decide(tx, asked.request, verdict); }));
    if (!decision || !decision->rules.enabled) co_return std::nullopt;
    MUSTER_CO_CHECK(check_issuing_policy(decision->enrollment));
    authority::Subject subject{.registration_id = id,
                               .group_id = decision->group ? decision->enrollment.id : std::string(),
                               .origin = "registration",
                               .by = "registration",
                               .peer = asked.request.peer,
                               .tracking_id = asked.request.tracking_id};
    co_return co_await authority_->sign(*asked.csr, std::move(subject));
}

// A credential that no group knows is most often a stranger's: it is turned away by a reader, so that strangers do not
// queue with the fleet for the one writer.
Task<Result<std::optional<Registrations::Settlement>>> Registrations::settle_admitted(const Asked& asked,
                                                                                      const Verdict& verdict) {
    if ((!verdict.group && !verdict.issued_here) || !verdict.usable())
        MUSTER_CO_CHECK(co_await store_.read([&](Tx& tx) -> Result<> {
            MUSTER_CHECK(admit(tx, asked.request, verdict));
            return {};
        }));
    MUSTER_CO_TRY(const auto certificate, co_await sign_requested(asked, verdict));
    auto with_certificate = asked;
    if (certificate) with_certificate.certificate = &*certificate;
    auto settled = co_await store_.transact([&](Tx& tx) { return settle(tx, with_certificate, verdict); });
    if (certificate && settled && *settled && !(*settled)->record.issued_serial.empty())
        authority::log_issued(*certificate);
    co_return settled;
}

Task<Result<json::object>> Registrations::register_device(DeviceRequest request, json::object body) {
    auto checked = check_request(request);
    if (!checked) {
        log_refusal(request, checked.error(), "request");
        metrics_.registration("refused", "request");
        co_return std::unexpected(std::move(checked).error());
    }
    MUSTER_CO_TRY(const auto body_id, optional_string(body, "registrationId"));
    if (body_id && !equals_ignore_case(*body_id, request.registration_id))
        co_return fail(bad_body(fmt::format("\"registrationId\" is '{}', the path says '{}'", printable(*body_id),
                                            request.registration_id)));
    MUSTER_CO_TRY(const auto csr, certificate_request_of(request, body));
    MUSTER_CO_CHECK(co_await groups_.refresh_if_stale());
    if (hubs_ != nullptr) MUSTER_CO_CHECK(co_await hubs_->make_sure());
    std::string binding;
    MUSTER_CO_TRY(const auto settled, co_await judge_and_settle(request, body, csr ? &*csr : nullptr, binding));
    log_outcome(settled.record, settled.left_behind, request.peer, request.tracking_id);
    if (const auto& status = settled.record.status; status != "assigning") metrics_.registration(status);
    for (const auto& queue : settled.wakes) wake_(queue);
    const auto operation_id = make_operation_id(identity_.operation_key.bytes(),
                                                {identity_.scope, request.registration_id, binding}, random_);
    // Always "assigning" first: some clients take nothing else (facts 1.9). The result waits in the record.
    co_return operation_json(operation_id, {{"registrationId", request.registration_id}, {"status", "assigning"}});
}

Task<Result<Registrations::Settlement>> Registrations::judge_and_settle(const DeviceRequest& request,
                                                                        const json::object& body,
                                                                        const authority::CertificateRequest* csr,
                                                                        std::string& binding) {
    constexpr int attempts = 3;
    for (int attempt = 1; attempt <= attempts; ++attempt) {
        const auto groups = groups_.current();
        const auto hubs_version = hubs()->version();
        const auto verdict = judge(request, register_patience);
        if (attempt == 1) MUSTER_CO_CHECK(co_await check_group_limit(store_, request, verdict, *groups, clock_.now()));
        const Asked asked{request, body, csr, nullptr, &verdict.path};
        auto settled = co_await settle_admitted(asked, verdict);
        if (settled && *settled) {
            binding = verdict.binding();
            co_return std::move(**settled);
        }
        if (settled) {
            // The group changed between the judgement and the transaction: judge again by what it is now.
            MUSTER_CO_CHECK(co_await groups_.refresh());
            continue;
        }
        MUSTER_CO_TRY(const auto outdated, co_await is_outdated(settled.error(), groups->version(), hubs_version));
        if (outdated) continue;
        log_refusal(request, settled.error(), "enrollment");
        metrics_.registration("refused", verdict.usable() ? "enrollment" : "credential");
        co_return std::unexpected(std::move(settled).error());
    }
    co_return fail(Error(Errc::unavailable, "the enrollment group keeps changing; try again"));
}

Task<Result<bool>> Registrations::is_outdated(const Error& refusal, std::int64_t groups_version,
                                              std::int64_t hubs_version) {
    if (refusal.code() == Errc::unauthorized) co_return co_await groups_.changed_since(groups_version);
    if (refusal.number() != code::unavailable || hubs_ == nullptr) co_return false;
    MUSTER_CO_CHECK(co_await hubs_->catch_up());
    co_return hubs()->version() != hubs_version;
}

}  // namespace muster::provisioning
