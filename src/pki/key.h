// Private and public keys.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace muster::pki {

struct EvpKeyDeleter {
    void operator()(EVP_PKEY* key) const;
};
using EvpKey = std::unique_ptr<EVP_PKEY, EvpKeyDeleter>;
// Another owner of the same key.
EvpKey share(EVP_PKEY* key);

enum class KeyAlgorithm { ec, rsa };

struct KeySpec {
    KeyAlgorithm algorithm = KeyAlgorithm::ec;
    int bits = 256;  // 256 or 384 for EC (P-256, P-384); 2048, 3072 or 4096 for RSA

    // "ec:p256", "ec:p384", "rsa:2048", "rsa:3072", "rsa:4096"
    static Result<KeySpec> parse(std::string_view text);
    std::string text() const;
};

// May share its key object with a PrivateKey; only the public half is ever used.
class PublicKey {
public:
    explicit PublicKey(EvpKey key) : key_(std::move(key)) {}
    static Result<PublicKey> from_spki_der(ByteView der);

    EVP_PKEY* get() const { return key_.get(); }
    Bytes spki_der() const;
    KeySpec spec() const;
    bool operator==(const PublicKey& other) const;
    // ECDSA or RSA PKCS#1 v1.5 over SHA-256.
    bool verify(ByteView message, ByteView signature) const;

private:
    EvpKey key_;
};

class PrivateKey {
public:
    explicit PrivateKey(EvpKey key) : key_(std::move(key)) {}
    static Result<PrivateKey> generate(const KeySpec& spec);
    // PKCS#8, SEC1 or PKCS#1 PEM. An encrypted key without `passphrase`, or with a wrong one, is Errc::unauthorized.
    static Result<PrivateKey> from_pem(std::string_view pem, std::string_view passphrase = {});

    EVP_PKEY* get() const { return key_.get(); }
    Result<Secret> to_pem() const;  // PKCS#8, unencrypted
    Result<PublicKey> public_key() const;
    Result<Bytes> sign(ByteView message) const;  // SHA-256; ECDSA in DER or RSA PKCS#1 v1.5

private:
    EvpKey key_;
};

Bytes sha256(ByteView bytes);
Bytes hmac_sha256(ByteView key, ByteView message);

}  // namespace muster::pki
