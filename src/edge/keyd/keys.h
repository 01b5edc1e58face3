// keyd's operations, without HTTP: who asks for which key gets a handle, and uses the key through it.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/random.h"
#include "edge/keyd/handle.h"
#include "edge/keyd/key_store.h"
#include "edge/service/principals.h"

namespace muster::edge::keyd {

// The blocking half of keyd (disk, key generation, tokens). What makes, moves or removes keys comes from one thread at
// a time; everything else from any.
class Keys {
public:
    Keys(KeyStore store, Principals principals, Random& random);

    // Makes or reads the key that signs handles; before anything else.
    Result<> start();
    void set_principals(Principals principals);

    // The name of the token that is asked for a key of this id, if one is. Any thread, at once.
    std::optional<std::string> token_asked_for(const std::string& id) const { return store_.token_asked_for(id); }
    // The id of the key that a handle stands for, or is derived from.
    Result<std::string> id_of(std::string_view handle) const;

    Result<std::string> create_key(uid_t uid, const std::string& id, std::optional<Secret> import,
                                   std::string_view usage);
    Result<std::string> load_key(uid_t uid, const std::string& id) const;
    Result<std::string> create_pair(uid_t uid, const std::string& id, std::string_view preferred);
    Result<std::string> load_pair(uid_t uid, const std::string& id) const;
    Result<> move_pair(uid_t uid, const std::string& from, const std::string& to);
    // A handle lets its holder use a key; taking the key away also needs the right to its id.
    Result<> remove(uid_t uid, std::string_view handle, KeyRef::Kind kind);

    Result<std::string> derive(std::string_view base_handle, Bytes derivation) const;
    Result<Secret> export_derived(std::string_view handle) const;
    Result<std::string> parameter(std::string_view handle, std::string_view name) const;

    Result<Bytes> sign_ecdsa(std::string_view handle, ByteView digest) const;
    Result<Bytes> sign_hmac(std::string_view handle, ByteView message) const;
    Result<Bytes> encrypt(std::string_view handle, ByteView iv, ByteView aad, ByteView plaintext) const;
    Result<Secret> decrypt(std::string_view handle, ByteView iv, ByteView aad, ByteView ciphertext) const;
    // algorithm: "RSA-PKCS1" or "RSA-NO-PADDING"
    Result<Bytes> rsa_private(std::string_view handle, std::string_view algorithm, ByteView input) const;

private:
    Result<> authorize(uid_t uid, const std::string& id) const;
    std::string handle_of(KeyRef key) const;
    Result<KeyRef> open(std::string_view handle, std::optional<KeyRef::Kind> kind = std::nullopt) const;
    Result<std::unique_ptr<SymmetricKey>> base_key(const std::string& id) const;
    Result<Secret> derived(const KeyRef& key) const;
    Result<std::unique_ptr<SymmetricKey>> symmetric(std::string_view handle) const;
    Result<std::unique_ptr<KeyPair>> pair(std::string_view handle) const;

    KeyStore store_;
    Random& random_;
    Secret validation_key_;
    mutable std::mutex mutex_;  // guards principals_ alone
    std::shared_ptr<const Principals> principals_;
};

}  // namespace muster::edge::keyd
