// The TPM's key derivations and encryptions, in software (TPM 2.0 Library, Part 1, 11.4 and annexes B, C). For this
// room's own files.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/random.h"

namespace muster::wire::tpm {

class StorageKey;

// algorithm::sha256 or sha384
std::size_t digest_size(std::uint16_t hash);
Bytes digest(std::uint16_t hash, ByteView bytes);
Bytes name_of(std::uint16_t hash, ByteView public_area);

Result<std::shared_ptr<EVP_PKEY>> rsa_public_key(ByteView modulus, std::uint32_t exponent);
// Of P-256 or P-384, by the length of the coordinates.
bool is_on_curve(ByteView x, ByteView y);

Secret hmac(std::uint16_t hash, ByteView key, ByteView first, ByteView second = {});
// Part 1, 11.4.10.2; `context` is contextU, contextV is never used here. `bits` is a multiple of 8.
Secret kdfa(std::uint16_t hash, ByteView key, std::string_view label, ByteView context, int bits);
// Part 1, 11.4.10.3.
Secret kdfe(std::uint16_t hash, ByteView z, std::string_view label, ByteView party_u, ByteView party_v, int bits);
// AES-CFB with an initial vector of zeros; the key has 16 or 32 bytes.
Result<Bytes> encrypt_cfb(ByteView key, ByteView plain);

// A seed that only the key's TPM can recover (Part 1, B.10.3 and C.6.3): OAEP for RSA, an ephemeral ECDH for ECC.
struct SharedSeed {
    Secret seed;
    Bytes encrypted;  // the content of a TPM2B_ENCRYPTED_SECRET
};
// `label` is "IDENTITY" or "DUPLICATE".
Result<SharedSeed> share_seed(const StorageKey& with, std::string_view label, Random& random);

// Encrypt-then-MAC under a seed, bound to the name of what is protected (Part 1, 24 and 23.3.2.4): the digest, sized,
// then the encrypted bytes.
Result<Bytes> protect(const StorageKey& with, const Secret& seed, ByteView name, ByteView plain);

}  // namespace muster::wire::tpm
