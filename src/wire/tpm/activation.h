// Credential activation in software: what TPM2_MakeCredential and TPM2_Duplicate do, on the side that has no TPM; and
// the blob in which a provisioning service hands a key to a device's TPM (facts/dps.md 1.7).
//
// Only the TPM that holds both the endorsement key and the storage root key can take the key out, and it never shows
// it: it signs with it.
#pragma once

#include "base/random.h"
#include "wire/tpm/structures.h"

namespace muster::wire::tpm {

// TPM2_MakeCredential (Part 3, 12.6): `secret` becomes known to the TPM of `endorsement` when it also holds the object
// named `name`.
struct Credential {
    Bytes id_object;         // the content of a TPM2B_ID_OBJECT
    Bytes encrypted_secret;  // the content of a TPM2B_ENCRYPTED_SECRET
};
// `secret` has at most as many bytes as the endorsement key's digest.
Result<Credential> make_credential(const StorageKey& endorsement, ByteView name, ByteView secret, Random& random);

// A key for HMAC-SHA256 (1 to 64 bytes), duplicated for `storage` with an inner wrapper whose key is a credential for
// `endorsement`: TPM2B_ID_OBJECT, TPM2B_ENCRYPTED_SECRET, TPM2B_PRIVATE, TPM2B_ENCRYPTED_SECRET, TPM2B_PUBLIC, and an
// empty TPM2B for the data that nobody wraps any more. Different each time.
Result<Bytes> make_activation_blob(const StorageKey& endorsement, const StorageKey& storage, ByteView key,
                                   Random& random);

// Such a blob in its parts, each with its length, as the TPM's libraries take them. They view `blob`; what may follow
// the public area is not looked at.
struct ActivationBlob {
    ByteView id_object;         // TPM2B_ID_OBJECT
    ByteView encrypted_secret;  // TPM2B_ENCRYPTED_SECRET
    ByteView duplicate;         // TPM2B_PRIVATE
    ByteView seed;              // TPM2B_ENCRYPTED_SECRET
    ByteView public_area;       // TPM2B_PUBLIC

    // Errc::invalid_argument when it ends early.
    static Result<ActivationBlob> split(ByteView blob);
};

}  // namespace muster::wire::tpm
