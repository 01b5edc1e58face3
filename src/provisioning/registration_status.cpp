// What a device reads of its own registration.
#include "base/text.h"
#include "provisioning/errors.h"
#include "provisioning/identifiers.h"
#include "provisioning/operation_id.h"
#include "provisioning/registration_csr.h"
#include "provisioning/registration_decision.h"
#include "provisioning/registration_json.h"

namespace muster::provisioning {

using store::RegistrationRecord;
using store::Tx;

namespace {

// Some devices poll with the token they registered with, whose life is shorter than their patience (facts/dps.md 1.6).
constexpr auto poll_patience = std::chrono::seconds(3600);

}  // namespace

struct Registrations::Own {
    std::optional<RegistrationRecord> record;
    std::string tpm_key;
    json::array chain;  // issued with it
    std::optional<store::TrustBundleRecord> bundle;
};

Result<Registrations::Own> Registrations::read_own(Tx& tx, const DeviceRequest& request, const Verdict* verdict) const {
    Own own;
    if (verdict != nullptr) {
        MUSTER_TRY(const auto decision, admit(tx, request, *verdict));
        own.tpm_key = decision.wrapped_tpm_key();
    }
    MUSTER_TRY(own.record, tx.registrations().find(request.registration_id));
    if (!own.record) return own;
    if (own.record->status == "assigned" && knows_certificate_requests(request.api_version)) {
        MUSTER_TRY(own.chain, issued_chain(tx, *own.record));
    }
    MUSTER_TRY(own.bundle, trust_bundle_of(tx, *own.record, request.api_version));
    return own;
}

Task<Result<Registrations::Own>> Registrations::find_own(const DeviceRequest& request,
                                                         std::optional<std::chrono::seconds> patience) {
    if (patience) MUSTER_CO_CHECK(co_await groups_.refresh_if_stale());
    constexpr int attempts = 3;
    for (int attempt = 1; attempt <= attempts; ++attempt) {
        const auto version = groups_.current()->version();
        const auto verdict = patience ? std::optional(judge(request, *patience)) : std::nullopt;
        auto own = co_await store_.read([&](Tx& tx) { return read_own(tx, request, verdict ? &*verdict : nullptr); });
        // Judged by groups that another musterd has changed since: judge again.
        const bool may_be_behind =
            !own && patience && (own.error().code() == Errc::unauthorized || own.error().code() == Errc::unavailable);
        if (!may_be_behind) co_return own;
        MUSTER_CO_TRY(const auto changed, co_await groups_.changed_since(version));
        if (!changed) co_return own;
    }
    co_return fail(Errc::unavailable, "the enrollment groups keep changing; try again");
}

Result<json::object> Registrations::own_result(const Own& own) {
    auto result = registration_result(*own.record, own.tpm_key);
    if (!own.bundle) return result;
    MUSTER_TRY(const auto bundle, bundles_.of(*own.bundle));
    result["trustBundle"] = *bundle;
    return result;
}

Task<Result<json::object>> Registrations::operation_status(DeviceRequest request, std::string operation_id) {
    MUSTER_CO_CHECK(check_request(request));
    const bool by_key = !request.authorization.empty();
    // The id carries the proof that this leaf registered; its chain need not be judged again. A key proves itself anew.
    const auto binding = by_key ? std::string("symmetricKey") : fingerprint(request.chain.front());
    if (!is_operation_id(identity_.operation_key.bytes(), {identity_.scope, request.registration_id, binding},
                         operation_id))
        co_return fail(Error(Errc::not_found, "this device has no such operation").with_number(code::not_found));
    MUSTER_CO_TRY(auto own, co_await find_own(request, by_key ? std::optional(poll_patience) : std::nullopt));
    if (!own.record)
        co_return fail(
            Error(Errc::not_found, "the registration was deleted; register again").with_number(code::not_found));
    MUSTER_CO_TRY(auto result, own_result(own));
    if (!own.chain.empty()) result["issuedCertificateChain"] = std::move(own.chain);
    co_return operation_json(operation_id, std::move(result));
}

Task<Result<json::object>> Registrations::lookup(DeviceRequest request) {
    MUSTER_CO_CHECK(check_request(request));
    MUSTER_CO_TRY(const auto own, co_await find_own(request, register_patience));
    if (!own.record)
        co_return fail(Error(Errc::not_found, fmt::format("'{}' has not registered yet", request.registration_id))
                           .with_number(code::not_found));
    co_return own_result(own);
}

}  // namespace muster::provisioning
