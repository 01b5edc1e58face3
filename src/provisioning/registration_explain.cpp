#include "base/text.h"
#include "provisioning/enrollment.h"
#include "provisioning/errors.h"
#include "provisioning/identifiers.h"
#include "provisioning/registration_checks.h"
#include "provisioning/registration_json.h"

namespace muster::provisioning {
namespace {

using store::Tx;

void check_credential(const DeviceRequest& request, const Verdict& verdict, Checks& checks) {
    if (!verdict.usable()) return checks.failed("credential", verdict.fault);
    if (verdict.token)
        return checks.passed(
            "credential",
            fmt::format("a shared access signature for '{}', valid until {}", printable(verdict.token->resource),
                        format_utc_seconds(TimePoint(std::chrono::seconds(verdict.token->expiry)))));
    const auto& leaf = request.chain.front();
    checks.passed("credential",
                  fmt::format("'{}' may authenticate a client, valid until {}, SHA-256 {}", printable(leaf.subject()),
                              format_utc_seconds(leaf.not_after()), verdict.fingerprint));
}

void check_group(const Verdict& verdict, Checks& checks) {
    if (verdict.group)
        return checks.passed("enrollment group",
                             fmt::format("{} leads to the group '{}'", verdict.token ? "the key" : "the chain",
                                         verdict.group->group.id));
    checks.failed("enrollment group", verdict.group_fault.empty() ? "it leads to no group" : verdict.group_fault);
}

// What an operator may know of the individual enrollment, and a device may not.
Result<> check_individual(Tx& tx, const DeviceRequest& request, const Verdict& verdict, Checks& checks) {
    constexpr std::string_view check = "individual enrollment";
    MUSTER_TRY(const auto individual, tx.enrollments().find(request.registration_id));
    if (!individual) {
        checks.skipped(check, "there is none of this registration id: a group decides");
        return {};
    }
    MUSTER_TRY(const auto rules, enrollment_rules(*individual));
    if (proves(verdict, request, *individual, rules)) {
        checks.passed(check, fmt::format("'{}' holds this {}", individual->id, verdict.token ? "key" : "certificate"));
    } else if (verdict.usable()) {
        checks.failed(check, fmt::format("'{}' attests by {} and does not hold this {}", individual->id,
                                         rules.attestation, verdict.token ? "key" : "certificate"));
    } else {
        checks.failed(check, fmt::format("there is '{}', but the credential cannot be used", individual->id));
    }
    return {};
}

}  // namespace

// What one look into the store gives.
struct Registrations::Seen {
    Result<std::optional<Decision>> decided;
    Verdict verdict;  // completed by what is recorded of a certificate that was issued here
    Checks individual;
    std::optional<store::RegistrationRecord> registration;
};

void Registrations::explain_decision(const Decision& decision, const DeviceRequest& request,
                                     const store::RegistrationRecord* before, Checks& checks, json::object& out) const {
    const auto& enrollment = decision.enrollment;
    out["enrollment"] = json::object{{"kind", decision.group ? "group" : "individual"}, {"id", enrollment.id}};
    const auto body = parse_json_object(enrollment.body).value_or(json::object());
    for (const std::string_view name : {"allocationPolicy", "iotHubs", "reprovisionPolicy"})
        if (const auto* value = find_member(body, name)) out[name] = *value;
    if (decision.rules.enabled) {
        checks.passed("provisioning status", "the enrollment is enabled");
    } else {
        checks.failed("provisioning status", "the enrollment is disabled");
    }
    if (const auto hub = destination(decision, request, before)) {
        checks.passed("hub", *hub);
    } else {
        checks.failed("hub", hub.error());
    }
    out["deviceId"] = decision.rules.device_id.empty() ? request.registration_id : decision.rules.device_id;
    out["iotEdge"] = decision.rules.edge;
}

Task<Result<json::object>> Registrations::explain(DeviceRequest request) {
    json::object out{{"registrationId", request.registration_id}};
    Checks checks;
    const auto asked = check_request(request);
    if (asked) {
        checks.passed("request", request.authorization.empty() ? "the common name is the registration id"
                                                               : "the registration id can be one");
    } else {
        checks.failed("request", asked.error());
    }
    if (request.authorization.empty() && request.chain.empty())
        co_return fail(bad_body("there is no credential to test"));
    MUSTER_CO_CHECK(co_await groups_.refresh_if_stale());
    MUSTER_CO_CHECK(co_await groups_.changed_since(groups_.current()->version()));
    if (hubs_ != nullptr) MUSTER_CO_CHECK(co_await hubs_->catch_up());
    const auto verdict = judge(request, register_patience);
    MUSTER_CO_TRY(auto seen, co_await store_.read([&](Tx& tx) -> Result<Seen> {
        Seen look{.decided = decide(tx, request, verdict), .verdict = verdict, .individual = {}, .registration = {}};
        if (verdict.issued_here) {
            MUSTER_TRY(look.verdict, look_up_issued(tx, verdict, *groups_.current(), clock_.now()));
        }
        MUSTER_CHECK(check_individual(tx, request, look.verdict, look.individual));
        MUSTER_TRY(look.registration, tx.registrations().find(request.registration_id));
        return look;
    }));
    const auto& decided = seen.decided;
    if (!decided && decided.error().code() != Errc::unauthorized) co_return std::unexpected(decided.error());
    if (decided && !*decided) co_return fail(Errc::unavailable, "the enrollment group is changing; try again");
    check_credential(request, seen.verdict, checks);
    checks.add_all(seen.individual);
    check_group(seen.verdict, checks);
    out["outcome"] = "refused";
    if (decided) {
        const auto& decision = **decided;
        explain_decision(decision, request, seen.registration ? &*seen.registration : nullptr, checks, out);
        if (asked) out["outcome"] = decision.rules.enabled ? "registered" : "disabled";
    } else {
        checks.failed("enrollment", decided.error());
    }
    if (seen.registration) out["registrationState"] = registration_state(*seen.registration);
    out["checks"] = checks.take();
    co_return out;
}

}  // namespace muster::provisioning
