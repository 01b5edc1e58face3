#include "provisioning/registration.h"

#include "base/log.h"
#include "base/text.h"
#include "hub/assignment.h"
#include "provisioning/enrollment.h"
#include "provisioning/errors.h"
#include "provisioning/identifiers.h"
#include "provisioning/operation_id.h"
#include "provisioning/registration_json.h"

namespace muster::provisioning {

using store::EnrollmentRecord;
using store::RegistrationRecord;
using store::Tx;

// The enrollment that speaks for a device, and its rules.
struct Registrations::Decision {
    EnrollmentRecord enrollment;
    EnrollmentRules rules;
    std::optional<GroupMatch> group;  // nothing for an individual enrollment

    // What the hub is to know a device with a symmetric key by.
    const std::string& primary_key() const { return group ? group->primary_key : enrollment.primary_key; }
    const std::string& secondary_key() const { return group ? group->secondary_key : enrollment.secondary_key; }
};

namespace {

// How long after its expiry a token is taken: clocks differ; and some devices poll with the token they registered with,
// whose life is shorter than their patience (facts/dps.md 1.6).
constexpr auto register_patience = std::chrono::seconds(60);
constexpr auto poll_patience = std::chrono::seconds(3600);

std::string describe_credential(const DeviceRequest& request) {
    if (!request.authorization.empty()) return "shared access signature";
    return request.chain.empty() ? "nothing" : printable(request.chain.front().subject());
}

// One sentence for all who are not known here, whatever of it is stored: only what the device itself showed.
std::unexpected<Error> unknown_device(const DeviceRequest& request, const Verdict& verdict) {
    const auto& why = verdict.usable() ? verdict.group_fault : verdict.fault;
    if (verdict.token || request.chain.empty())
        return fail(
            unauthorized(fmt::format("no enrollment stands for this registration id and key: {}", why))
                .with_hint("check the registration id and the key; a group's device uses a key derived from the "
                           "group's"));
    return fail(unauthorized(fmt::format("no enrollment stands for the certificate '{}': {}",
                                         printable(request.chain.front().subject()),
                                         why.empty() ? "it is in no individual enrollment" : why))
                    .with_hint("present the leaf with all its intermediates; enroll the certificate or one of its "
                               "issuers"));
}

std::unexpected<Error> other_credential(const EnrollmentRecord& enrollment, const Verdict& verdict) {
    return fail(unauthorized(fmt::format("the individual enrollment '{}' holds another {} than the one presented{}",
                                         enrollment.id, verdict.token ? "key" : "certificate",
                                         verdict.token ? "" : fmt::format(" (SHA-256 {})", verdict.fingerprint)))
                    .with_hint("put the new credential into the enrollment, or delete the enrollment so that the group "
                               "decides"));
}

json::object operation_json(std::string_view operation_id, json::object state) {
    auto status = state["status"];
    return {{"operationId", operation_id}, {"status", std::move(status)}, {"registrationState", std::move(state)}};
}

void log_outcome(const DeviceRequest& request, const RegistrationRecord& record) {
    log::info(record.status == "assigned" ? "device registered" : "device registration ended without assignment",
              {{"registrationId", record.id},
               {"status", record.status},
               {"deviceId", record.device_id},
               {"hub", record.assigned_hub},
               {"enrollment", record.group_id.empty() ? "individual" : "group:" + record.group_id},
               {"substatus", record.substatus},
               {"certificate", record.leaf_fingerprint},
               {"peer", request.peer},
               {"trackingId", request.tracking_id}});
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

Result<> Registrations::check_request(const DeviceRequest& request) const {
    if (!equals_ignore_case(request.scope, identity_.scope))
        return fail(Error(Errc::not_found, fmt::format("there is no provisioning service with the id scope '{}' here",
                                                       printable(request.scope)))
                        .with_hint("set id_scope to the scope that `muster status` shows")
                        .with_number(code::not_found));
    MUSTER_CHECK(check_id(request.registration_id, "registration id"));
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
                                                                     const Verdict& verdict) const {
    const bool known_by_group = verdict.usable() && verdict.group;
    MUSTER_TRY(auto individual, tx.enrollments().find(request.registration_id));
    if (individual) {
        MUSTER_TRY(auto rules, enrollment_rules(*individual));
        // A device that a group knows is blocked by its disabled individual enrollment, whatever that attests by.
        if (proves(verdict, request, *individual, rules) || (known_by_group && !rules.enabled))
            return Decision{std::move(*individual), std::move(rules), {}};
        if (known_by_group) return other_credential(*individual, verdict);
        return unknown_device(request, verdict);
    }
    if (!known_by_group) return unknown_device(request, verdict);

    MUSTER_TRY(auto group, tx.enrollment_groups().find(verdict.group->group.id));
    if (!group || group->etag != verdict.group->group.etag) return std::nullopt;
    MUSTER_TRY(auto rules, enrollment_rules(*group));
    return Decision{std::move(*group), std::move(rules), verdict.group};
}

Result<> Registrations::admit(Tx& tx, const DeviceRequest& request, const Verdict& verdict) const {
    MUSTER_TRY(const auto decision, decide(tx, request, verdict));
    if (decision) return {};
    return fail(Errc::unavailable, "the enrollment group is changing; try again");
}

Result<> Registrations::assign(Tx& tx, const Decision& decision, RegistrationRecord& record,
                               const RegistrationRecord* before) {
    const auto& rules = decision.rules;
    const bool again = before != nullptr && before->status == "assigned";
    // "Never": the first assignment stands, whatever the enrollment says by now.
    const bool keep = again && !rules.update_hub_assignment;
    const auto& wanted_id = keep ? before->device_id : rules.device_id;
    hub::Assignment assignment{.device_id = wanted_id.empty() ? record.id : wanted_id,
                               .credential = {.thumbprint = record.leaf_fingerprint,
                                              .primary_key = decision.primary_key(),
                                              .secondary_key = decision.secondary_key()},
                               .edge = rules.edge,
                               .tags = rules.tags,
                               .desired = rules.desired,
                               // "Reset" starts the device's data anew at every registration but the first.
                               .reset_twin = again && rules.update_hub_assignment && !rules.migrate_data};
    if (auto done = hub::assign_device(tx, assignment, record.updated, random_); !done) {
        if (done.error().code() != Errc::conflict) return done;
        record.status = "failed";
        record.error_code = code::hub_refused;
        record.error_message = done.error().chain();
        return {};
    }
    record.status = "assigned";
    record.substatus = again ? "reprovisionedToInitialAssignment" : "initialAssignment";
    record.assigned_hub = identity_.hub;
    record.device_id = std::move(assignment.device_id);
    return {};
}

Result<std::optional<RegistrationRecord>> Registrations::settle(Tx& tx, const DeviceRequest& request,
                                                                const Verdict& verdict) {
    MUSTER_TRY(const auto decision, decide(tx, request, verdict));
    if (!decision) return std::nullopt;
    MUSTER_TRY(const auto before, tx.registrations().find(request.registration_id));
    const auto now = clock_.now();
    RegistrationRecord record{.id = before ? before->id : request.registration_id,
                              .etag = make_registration_etag(random_),
                              .group_id = decision->group ? decision->enrollment.id : "",
                              .leaf_fingerprint = verdict.fingerprint,
                              .created = before ? before->created : now,
                              .updated = now};
    if (decision->rules.enabled) {
        MUSTER_CHECK(assign(tx, *decision, record, before ? &*before : nullptr));
    } else {
        record.status = "disabled";
    }
    MUSTER_CHECK(tx.registrations().put(record));
    return record;
}

// A credential that no group knows is most often a stranger's: it is turned away by a reader, so that strangers do not
// queue with the fleet for the one writer.
Task<Result<std::optional<RegistrationRecord>>> Registrations::settle_admitted(const DeviceRequest& request,
                                                                               const Verdict& verdict) {
    if (!verdict.group || !verdict.usable())
        MUSTER_CO_CHECK(co_await store_.read([&](Tx& tx) { return admit(tx, request, verdict); }));
    co_return co_await store_.transact([&](Tx& tx) { return settle(tx, request, verdict); });
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
    if (find_member(body, "csr") != nullptr || find_member(body, "clientCertificateCsr") != nullptr)
        co_return fail(
            not_in_this_version("a certificate request in the registration is not in this version of Muster"));

    MUSTER_CO_CHECK(co_await groups_.refresh_if_stale());
    constexpr int attempts = 3;
    for (int attempt = 1;; ++attempt) {
        const auto verdict = judge(request, register_patience);
        auto record = co_await settle_admitted(request, verdict);
        if (!record) {
            log_refusal(request, record.error(), "enrollment");
            metrics_.registration("refused", verdict.usable() ? "enrollment" : "credential");
            co_return std::unexpected(std::move(record).error());
        }
        if (!*record) {
            // The group changed between the judgement and the transaction: judge again by what it is now.
            if (attempt == attempts)
                co_return fail(Error(Errc::unavailable, "the enrollment group keeps changing; try again"));
            MUSTER_CO_CHECK(co_await groups_.refresh());
            continue;
        }
        log_outcome(request, **record);
        metrics_.registration((*record)->status);
        const auto operation_id = make_operation_id(
            identity_.operation_key.bytes(), {identity_.scope, request.registration_id, verdict.binding()}, random_);
        // Always "assigning" first: some clients take nothing else (facts 1.9). The result waits in the record.
        co_return operation_json(operation_id, {{"registrationId", request.registration_id}, {"status", "assigning"}});
    }
}

Task<Result<json::object>> Registrations::operation_status(DeviceRequest request, std::string operation_id) {
    MUSTER_CO_CHECK(check_request(request));
    const bool by_key = !request.authorization.empty();
    // The id carries the proof that this leaf registered; its chain need not be judged again. A key proves itself anew.
    const auto binding = by_key ? std::string("symmetricKey") : fingerprint(request.chain.front());
    if (!is_operation_id(identity_.operation_key.bytes(), {identity_.scope, request.registration_id, binding},
                         operation_id))
        co_return fail(Error(Errc::not_found, "this device has no such operation").with_number(code::not_found));
    if (by_key) MUSTER_CO_CHECK(co_await groups_.refresh_if_stale());
    const auto verdict = by_key ? judge(request, poll_patience) : Verdict{};
    MUSTER_CO_TRY(const auto record, co_await store_.read([&](Tx& tx) -> Result<std::optional<RegistrationRecord>> {
        if (by_key) MUSTER_CHECK(admit(tx, request, verdict));
        return tx.registrations().find(request.registration_id);
    }));
    if (!record)
        co_return fail(
            Error(Errc::not_found, "the registration was deleted; register again").with_number(code::not_found));
    co_return operation_json(operation_id, registration_result(*record));
}

Task<Result<json::object>> Registrations::lookup(DeviceRequest request) {
    MUSTER_CO_CHECK(check_request(request));
    MUSTER_CO_CHECK(co_await groups_.refresh_if_stale());
    const auto verdict = judge(request, register_patience);
    MUSTER_CO_TRY(const auto record, co_await store_.read([&](Tx& tx) -> Result<std::optional<RegistrationRecord>> {
        MUSTER_CHECK(admit(tx, request, verdict));
        return tx.registrations().find(request.registration_id);
    }));
    if (!record)
        co_return fail(Error(Errc::not_found, fmt::format("'{}' has not registered yet", request.registration_id))
                           .with_number(code::not_found));
    co_return registration_result(*record);
}

}  // namespace muster::provisioning
