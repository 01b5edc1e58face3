// A key that keyd may use, wherever it is: in a file, in a token, or derived.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/error.h"
#include "edge/keyd/crypto.h"
#include "pki/key.h"

namespace muster::edge::keyd {

class KeyPair {
public:
    virtual ~KeyPair() = default;
    virtual Result<pki::PublicKey> public_key() const = 0;
    // DER; the digest as it is.
    virtual Result<Bytes> sign_ecdsa(ByteView digest) const = 0;
    // The private-key operation on a digest info (pkcs1) or on a block of the modulus' size (none).
    virtual Result<Bytes> rsa_private(RsaPadding padding, ByteView input) const = 0;
};

class SymmetricKey {
public:
    virtual ~SymmetricKey() = default;
    virtual Result<Bytes> hmac_sha256(ByteView message) const = 0;
    // As aead_encrypt and aead_decrypt (crypto.h): the same blobs, whoever makes them.
    virtual Result<Bytes> encrypt(ByteView iv, ByteView aad, ByteView plaintext) const = 0;
    virtual Result<Secret> decrypt(ByteView iv, ByteView aad, ByteView blob) const = 0;
};

std::unique_ptr<KeyPair> key_pair_in_memory(pki::PrivateKey key);
std::unique_ptr<SymmetricKey> symmetric_key_in_memory(Secret key);

}  // namespace muster::edge::keyd
