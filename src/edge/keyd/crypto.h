// The cryptography behind keyd's API (facts/device.md 3.3, 5.3).
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/random.h"
#include "pki/key.h"

namespace muster::edge::keyd {

// AES-256-GCM; the key must have 32 bytes, the iv at least one. Blob: 0x02, ciphertext, 16-byte tag.
Result<Bytes> aead_encrypt(const Secret& key, ByteView iv, ByteView aad, ByteView plaintext);
// Reads that blob and the legacy one (0x01, tag, ciphertext). Errc::invalid_argument when it was not made with this
// key, iv and aad.
Result<Secret> aead_decrypt(const Secret& key, ByteView iv, ByteView aad, ByteView blob);
// Between the blob and what AES-GCM itself gives and takes: the ciphertext, then the tag.
Bytes blob_of(ByteView sealed);
Result<Bytes> sealed_of(ByteView blob);

// DER; the digest as it is.
Result<Bytes> ecdsa_sign(const pki::PrivateKey& key, ByteView digest);

enum class RsaPadding { pkcs1, none };
// The private-key operation on a digest info (pkcs1) or on a block of the modulus' size (none).
Result<Bytes> rsa_private(const pki::PrivateKey& key, RsaPadding padding, ByteView input);

// "algorithm", "ec-curve-oid" (DER), "ec-point" (compressed), "rsa-modulus", "rsa-exponent" (big endian). The first is
// a word, the others are bytes in base64.
Result<std::string> key_parameter(const pki::PublicKey& key, std::string_view name);

// A preference list "ec-p256:rsa-2048:*", best first; "*", and the empty text, stand for ec-p256 and then rsa-2048.
// Ours beside the original's: ec-p384, rsa-3072.
Result<std::vector<pki::KeySpec>> preferred_algorithms(std::string_view list);

}  // namespace muster::edge::keyd
