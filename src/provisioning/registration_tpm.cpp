// TPM attestation's part of a registration.
#include "base/log.h"
#include "base/text.h"
#include "provisioning/errors.h"
#include "provisioning/registration_decision.h"

namespace muster::provisioning {
namespace {

using store::EnrollmentRecord;
using store::TpmKeyRecord;
using store::Tx;

// What a challenge is made from, or why there is none.
struct Ground {
    EnrollmentRecord enrollment;
    std::vector<TpmKeyRecord> known;
};

// One sentence, whatever of it is stored.
std::unexpected<Error> unknown_tpm() {
    return fail(unauthorized("no enrollment stands for this registration id and TPM")
                    .with_hint("enroll the TPM's endorsement key in an individual enrollment of that id"));
}

Result<Ground> find_ground(Tx& tx, const DeviceRequest& request, const TpmKeys& keys) {
    MUSTER_TRY(auto enrollment, tx.enrollments().find(request.registration_id));
    if (!enrollment) return unknown_tpm();
    MUSTER_TRY(const auto rules, enrollment_rules(*enrollment));
    if (rules.attestation != "tpm" || rules.endorsement_key != keys.endorsement.tpm2b()) return unknown_tpm();
    MUSTER_TRY(auto known, tx.tpm_keys().list(enrollment->id));
    return Ground{std::move(*enrollment), std::move(known)};
}

// Stores the key for the hub that was wrapped for this TPM.
Result<> remember(Tx& tx, const EnrollmentRecord& enrollment, const TpmKeyRecord& wrapped) {
    MUSTER_TRY(const auto now, tx.enrollments().find(enrollment.id));
    if (now && now->etag == enrollment.etag) return tx.tpm_keys().put(wrapped);
    return fail(Errc::unavailable, "the enrollment is changing; try again");
}

std::string endorsement_of(const TpmKeys& keys) {
    return hex_encode(pki::sha256(keys.endorsement.tpm2b()));
}

}  // namespace

Result<std::optional<TpmKeyRecord>> Registrations::tpm_of(Tx& tx, const Verdict& verdict,
                                                          const EnrollmentRecord& enrollment,
                                                          const EnrollmentRules& rules) const {
    if (!verdict.usable() || !verdict.token || rules.attestation != "tpm") return std::nullopt;
    MUSTER_TRY(auto tpm,
               proving_tpm(tx, challenges_, *verdict.token, enrollment, rules, clock_.now(), verdict.patience));
    if (!tpm)
        log::info("a token is not signed with the key of a challenge that counts",
                  {{"registrationId", enrollment.id}, {"hint", "challenges are taken for ten to twenty minutes"}});
    return tpm;
}

Task<Result<Bytes>> Registrations::challenge_tpm(DeviceRequest request, TpmKeys keys) {
    MUSTER_CO_CHECK(check_address(request));
    const auto now = clock_.now();
    const auto ground = co_await store_.read([&](Tx& tx) { return find_ground(tx, request, keys); });
    if (!ground) {
        log::warn("device refused", {{"registrationId", printable(request.registration_id)},
                                     {"step", "TPM challenge"},
                                     {"reason", ground.error().chain()},
                                     {"endorsementKeySha256", endorsement_of(keys)},
                                     {"peer", request.peer},
                                     {"trackingId", request.tracking_id}});
        metrics_.registration("refused", "credential");
        co_return std::unexpected(ground.error());
    }
    MUSTER_CO_TRY(const auto wrapped, wrap_hub_key(ground->enrollment, keys, ground->known, now, random_));
    if (wrapped)
        MUSTER_CO_CHECK(co_await store_.transact([&](Tx& tx) { return remember(tx, ground->enrollment, *wrapped); }));
    log::debug("TPM challenged", {{"registrationId", ground->enrollment.id},
                                  {"endorsementKeySha256", endorsement_of(keys)},
                                  {"trackingId", request.tracking_id}});
    co_return challenges_.make(keys, ground->enrollment.id, now, random_);
}

}  // namespace muster::provisioning
