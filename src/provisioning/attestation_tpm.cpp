#include "provisioning/attestation_tpm.h"

#include "base/text.h"
#include "pki/key.h"
#include "provisioning/errors.h"
#include "wire/tpm/activation.h"

namespace muster::provisioning {
namespace {

using wire::tpm::StorageKey;

constexpr std::chrono::seconds period{600};
// The period that a moment lies in, and the one before: a challenge of its last second still has ten minutes.
constexpr std::int64_t periods_taken = 2;

std::int64_t period_of(TimePoint now) {
    return std::chrono::floor<std::chrono::seconds>(now).time_since_epoch() / period;
}

Result<StorageKey> named(std::string_view name, Result<StorageKey> key) {
    if (key) return key;
    return fail(bad_body(fmt::format("\"tpm.{}\" is not the public area of such a key (TPM2B_PUBLIC): {}", name,
                                     key.error().message())));
}

Result<TpmKeys> both(Result<StorageKey> endorsement, Result<StorageKey> storage) {
    MUSTER_TRY(auto first, named("endorsementKey", std::move(endorsement)));
    MUSTER_TRY(auto second, named("storageRootKey", std::move(storage)));
    return TpmKeys{std::move(first), std::move(second)};
}

// What is wrapped, and for whom, in a few bytes.
std::string made_of(const store::EnrollmentRecord& enrollment, const StorageKey& endorsement) {
    Bytes all = endorsement.tpm2b();
    const auto key = as_bytes(enrollment.primary_key);
    all.insert(all.end(), key.begin(), key.end());
    return hex_encode(pki::sha256(all));
}

}  // namespace

Result<TpmKeys> TpmKeys::from_bytes(ByteView endorsement_key, ByteView storage_root_key) {
    return both(StorageKey::parse(endorsement_key), StorageKey::parse(storage_root_key));
}

Result<std::optional<TpmKeys>> TpmKeys::from_json(const json::object& body) {
    MUSTER_TRY(const auto* tpm, optional_object(body, "tpm"));
    if (tpm == nullptr) return std::nullopt;
    MUSTER_TRY(const auto endorsement, required_string(*tpm, "endorsementKey"));
    MUSTER_TRY(const auto storage, required_string(*tpm, "storageRootKey"));
    MUSTER_TRY(auto keys, both(StorageKey::from_base64(endorsement), StorageKey::from_base64(storage)));
    return std::optional(std::move(keys));
}

TpmChallenges::TpmChallenges(std::string_view scope, ByteView service_key)
    : scope_(to_lower(scope)), service_key_(pki::hmac_sha256(service_key, as_bytes("muster: TPM challenges"))) {}

Secret TpmChallenges::key_of(std::string_view registration_id, ByteView endorsement_key, std::string_view storage_name,
                             std::int64_t number) const {
    // No part can hold a line feed: not an id, not hexadecimal.
    const auto text = fmt::format("{}\n{}\n{}\n{}\n{}", scope_, to_lower(registration_id),
                                  hex_encode(pki::sha256(endorsement_key)), storage_name, number);
    return Secret(pki::hmac_sha256(service_key_.bytes(), as_bytes(text)));
}

Result<Bytes> TpmChallenges::make(const TpmKeys& keys, std::string_view registration_id, TimePoint now,
                                  Random& random) const {
    const auto key = key_of(registration_id, keys.endorsement.tpm2b(), keys.storage_name(), period_of(now));
    return wire::tpm::make_activation_blob(keys.endorsement, keys.storage, key.bytes(), random);
}

bool TpmChallenges::answered_by(const wire::SasToken& token, std::string_view registration_id, ByteView endorsement_key,
                                std::string_view storage_name, TimePoint now, std::chrono::seconds patience) const {
    const auto newest = period_of(now);
    const auto oldest = newest - periods_taken - patience / period;
    for (auto number = newest; number > oldest; --number)
        if (token.signed_by(key_of(registration_id, endorsement_key, storage_name, number).bytes())) return true;
    return false;
}

Result<std::optional<store::TpmKeyRecord>> wrap_hub_key(const store::EnrollmentRecord& enrollment, const TpmKeys& keys,
                                                        const std::vector<store::TpmKeyRecord>& known, TimePoint now,
                                                        Random& random) {
    const auto key = base64_decode(enrollment.primary_key);
    if (!key || key->empty())
        return fail(
            Error(Errc::conflict, fmt::format("the enrollment '{}' holds no key for the hub: an earlier version "
                                              "of Muster wrote it",
                                              enrollment.id))
                .with_hint("write the enrollment again"));
    store::TpmKeyRecord record{.registration_id = enrollment.id,
                               .storage_key = keys.storage_name(),
                               .made_of = made_of(enrollment, keys.endorsement),
                               .asked = now};
    const auto same = std::ranges::find(known, record.storage_key, &store::TpmKeyRecord::storage_key);
    if (same != known.end() && same->made_of == record.made_of) {
        if (same->proven) return std::nullopt;
        record.wrapped_key = same->wrapped_key;
        return std::optional(std::move(record));
    }
    const Secret secret{Bytes(*key)};
    MUSTER_TRY(const auto blob,
               wire::tpm::make_activation_blob(keys.endorsement, keys.storage, secret.bytes(), random));
    record.wrapped_key = base64_encode(blob);
    return std::optional(std::move(record));
}

Result<std::optional<store::TpmKeyRecord>> proving_tpm(store::Tx& tx, const TpmChallenges& challenges,
                                                       const wire::SasToken& token,
                                                       const store::EnrollmentRecord& enrollment,
                                                       const EnrollmentRules& rules, TimePoint now,
                                                       std::chrono::seconds patience) {
    MUSTER_TRY(auto known, tx.tpm_keys().list(enrollment.id));
    for (auto& tpm : known)
        if (challenges.answered_by(token, enrollment.id, rules.endorsement_key, tpm.storage_key, now, patience))
            return std::optional(std::move(tpm));
    return std::nullopt;
}

}  // namespace muster::provisioning
