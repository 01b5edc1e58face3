#include "edge/keyd/key.h"

namespace muster::edge::keyd {
namespace {

class PairInMemory final : public KeyPair {
public:
    explicit PairInMemory(pki::PrivateKey key) : key_(std::move(key)) {}
    Result<pki::PublicKey> public_key() const override { return key_.public_key(); }
    Result<Bytes> sign_ecdsa(ByteView digest) const override { return ecdsa_sign(key_, digest); }
    Result<Bytes> rsa_private(RsaPadding padding, ByteView input) const override {
        return keyd::rsa_private(key_, padding, input);
    }

private:
    pki::PrivateKey key_;
};

class SymmetricInMemory final : public SymmetricKey {
public:
    explicit SymmetricInMemory(Secret key) : key_(std::move(key)) {}
    Result<Bytes> hmac_sha256(ByteView message) const override { return pki::hmac_sha256(key_.bytes(), message); }
    Result<Bytes> encrypt(ByteView iv, ByteView aad, ByteView plaintext) const override {
        return aead_encrypt(key_, iv, aad, plaintext);
    }
    Result<Secret> decrypt(ByteView iv, ByteView aad, ByteView blob) const override {
        return aead_decrypt(key_, iv, aad, blob);
    }

private:
    Secret key_;
};

}  // namespace

std::unique_ptr<KeyPair> key_pair_in_memory(pki::PrivateKey key) {
    return std::make_unique<PairInMemory>(std::move(key));
}

std::unique_ptr<SymmetricKey> symmetric_key_in_memory(Secret key) {
    return std::make_unique<SymmetricInMemory>(std::move(key));
}

}  // namespace muster::edge::keyd
