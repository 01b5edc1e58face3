// What a registration of a device with a TPM would come to, as far as its endorsement key tells: whether the TPM
// answers a challenge, only the device itself can show.
#include "base/text.h"
#include "provisioning/enrollment.h"
#include "provisioning/errors.h"
#include "provisioning/registration_checks.h"
#include "provisioning/registration_json.h"

namespace muster::provisioning {
namespace {

using store::Tx;
using wire::tpm::StorageKey;

struct Found {
    std::optional<store::EnrollmentRecord> enrollment;
    std::vector<store::TpmKeyRecord> tpms;
    std::optional<store::RegistrationRecord> registration;
};

std::string print_of(const StorageKey& key) {
    return hex_encode(pki::sha256(key.tpm2b()));
}

Result<Found> look_up(Tx& tx, const std::string& registration_id) {
    Found found;
    MUSTER_TRY(found.enrollment, tx.enrollments().find(registration_id));
    MUSTER_TRY(found.tpms, tx.tpm_keys().list(registration_id));
    MUSTER_TRY(found.registration, tx.registrations().find(registration_id));
    return found;
}

// Whether the enrollment holds this endorsement key.
bool check_enrollment(const Found& found, const EnrollmentRules& rules, const StorageKey& endorsement, Checks& checks) {
    constexpr std::string_view check = "individual enrollment";
    const auto& id = found.enrollment->id;
    if (rules.attestation != "tpm") {
        checks.failed(check, fmt::format("'{}' attests by {}, not by TPM", id, rules.attestation));
        return false;
    }
    if (rules.endorsement_key != endorsement.tpm2b()) {
        const auto held = StorageKey::parse(rules.endorsement_key);
        checks.failed(check,
                      Error(Errc::unauthorized, fmt::format("'{}' holds another endorsement key{}", id,
                                                            held ? fmt::format(" (SHA-256 {})", print_of(*held)) : ""))
                          .with_hint(fmt::format("muster enrollment update {} --endorsement-key @FILE", id)));
        return false;
    }
    checks.passed(check, fmt::format("'{}' holds this endorsement key", id));
    return true;
}

// Which TPMs have asked with that endorsement key so far.
void check_tpms(const Found& found, Checks& checks) {
    constexpr std::string_view check = "TPM";
    const bool proven = std::ranges::any_of(found.tpms, &store::TpmKeyRecord::proven);
    if (proven) return checks.passed(check, "it has proved itself in a registration before");
    checks.skipped(check, found.tpms.empty()
                              ? "no TPM has asked for a challenge with this key yet; only the device can answer one"
                              : "it was challenged and has not answered yet; only the device can");
}

}  // namespace

Task<Result<json::object>> Registrations::explain_tpm(DeviceRequest request, std::string endorsement_key) {
    json::object out{{"registrationId", request.registration_id}};
    Checks checks;
    const auto asked = check_address(request);
    asked ? checks.passed("request", "the registration id can be one") : checks.failed("request", asked.error());
    const auto key = StorageKey::from_base64(endorsement_key);
    if (!key) co_return fail(bad_body(fmt::format("\"endorsementKey\": {}", key.error().chain())));
    checks.passed("credential", fmt::format("an endorsement key of a TPM 2.0, {}, SHA-256 {}",
                                            key->type() == wire::tpm::algorithm::rsa ? "RSA" : "ECC", print_of(*key)));
    MUSTER_CO_TRY(const auto found, co_await store_.read([&](Tx& tx) { return look_up(tx, request.registration_id); }));
    out["outcome"] = "refused";
    if (!found.enrollment) {
        checks.failed("individual enrollment", Error(Errc::unauthorized,
                                                     "there is none of this registration id, and "
                                                     "devices with a TPM are in no group")
                                                   .with_hint(fmt::format("muster enrollment create {} "
                                                                          "--endorsement-key @FILE",
                                                                          printable(request.registration_id))));
    } else {
        MUSTER_CO_TRY(auto rules, enrollment_rules(*found.enrollment));
        const bool held = check_enrollment(found, rules, *key, checks);
        if (held) check_tpms(found, checks);
        const Decision decision{*found.enrollment, std::move(rules), {}, {}};
        explain_decision(decision, request, found.registration ? &*found.registration : nullptr, checks, out);
        if (asked && held) out["outcome"] = decision.rules.enabled ? "registered" : "disabled";
    }
    if (found.registration) out["registrationState"] = registration_state(*found.registration);
    out["checks"] = checks.take();
    co_return out;
}

}  // namespace muster::provisioning
