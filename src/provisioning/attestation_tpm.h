// TPM attestation (facts/dps.md 1.7): a device shows the endorsement key (EK) and the storage root key (SRK) of its
// TPM; the service gives it a key that only the TPM of both can take out and use; the device proves itself with a
// shared access signature made with that key.
//
// Nothing is remembered of a challenge. Its key is derived from a secret of the service, from all that the challenge is
// for, and from the time, in steps of ten minutes: it is taken for ten to twenty. What is stored is one row for each
// TPM that has asked with the endorsement key of an enrollment: the device's key for the hub, wrapped for that TPM. A
// registration has at most four such rows of TPMs that never proved themselves, and one of the TPM that did.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "base/random.h"
#include "provisioning/attestation.h"
#include "store/tx.h"
#include "wire/tpm/structures.h"

namespace muster::provisioning {

// What a device says of its TPM: the member `tpm` of a registration, or the same over AMQP's SASL.
struct TpmKeys {
    wire::tpm::StorageKey endorsement;
    wire::tpm::StorageKey storage;

    // TPM2B_PUBLIC each. The error (400004) names the one that is none.
    static Result<TpmKeys> from_bytes(ByteView endorsement_key, ByteView storage_root_key);
    // {"tpm":{"endorsementKey","storageRootKey"}}, base64; nothing without the member.
    static Result<std::optional<TpmKeys>> from_json(const json::object& body);

    std::string storage_name() const { return hex_encode(storage.name()); }
};

// What an activation blob is called in JSON.
inline constexpr std::string_view tpm_key_name = "registration";

class TpmChallenges {
public:
    // `service_key` is the service's own secret, kept over restarts and shared by all that serve one id scope.
    TpmChallenges(std::string_view scope, ByteView service_key);

    // The activation blob that challenges the TPM. Different each time, for the same key.
    Result<Bytes> make(const TpmKeys& keys, std::string_view registration_id, TimePoint now, Random& random) const;
    // Whether `token` is signed with the key of a challenge that was made for these up to `patience` before the oldest
    // that counts.
    bool answered_by(const wire::SasToken& token, std::string_view registration_id, ByteView endorsement_key,
                     std::string_view storage_name, TimePoint now, std::chrono::seconds patience) const;

private:
    Secret key_of(std::string_view registration_id, ByteView endorsement_key, std::string_view storage_name,
                  std::int64_t period) const;
    std::string scope_;
    Secret service_key_;
};

// The enrollment's key for the hub, wrapped for the TPM; what `known` holds of it already is kept. Nothing when there
// is nothing to store.
Result<std::optional<store::TpmKeyRecord>> wrap_hub_key(const store::EnrollmentRecord& enrollment, const TpmKeys& keys,
                                                        const std::vector<store::TpmKeyRecord>& known, TimePoint now,
                                                        Random& random);

// The TPM that made the token, of those that have asked for a challenge with the enrollment's endorsement key.
Result<std::optional<store::TpmKeyRecord>> proving_tpm(store::Tx& tx, const TpmChallenges& challenges,
                                                       const wire::SasToken& token,
                                                       const store::EnrollmentRecord& enrollment,
                                                       const EnrollmentRules& rules, TimePoint now,
                                                       std::chrono::seconds patience);

}  // namespace muster::provisioning
