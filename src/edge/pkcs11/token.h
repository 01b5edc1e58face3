// Keys in a PKCS #11 token (facts/device.md 5.4): found by label or id, used where they are, made there.
//
// Nothing here hands out a private or secret key. Errors are about the token (Errc::unavailable, with what mends it),
// about what it cannot do (unsupported), about a name that fits several keys (conflict), or about what the caller gave
// (invalid_argument); that there is no such key is an answer and not an error.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/random.h"
#include "edge/pkcs11/module.h"
#include "edge/pkcs11/uri.h"
#include "pki/key.h"

namespace muster::edge::pkcs11 {

class Sessions;

// Which key: by label (CKA_LABEL), by id (CKA_ID), or by both.
struct KeyName {
    std::optional<std::string> label;
    std::optional<Bytes> id;

    static KeyName labelled(std::string label) { return {std::move(label), std::nullopt}; }
    // Of a URI that names an object.
    static KeyName of(const Uri& uri) { return {uri.object, uri.id}; }
};

enum class RsaPadding { pkcs1, none };
enum class SecretUse { sign, encrypt };

// Safe from any thread; every call blocks, for as long as the token takes. A token that was away is found again.
class Token {
public:
    // `module` outlives the token.
    Token(Module& module, Uri where);
    ~Token();
    Token(const Token&) = delete;
    Token& operator=(const Token&) = delete;

    const Uri& where() const;
    Result<TokenInfo> info();

    // Key pairs. The public half: of the public object, else of the private one or of a certificate with the same id.
    Result<std::optional<pki::PublicKey>> find_pair(const KeyName& name);
    // DER; the digest as it is, cut to the curve's size.
    Result<Bytes> sign_ecdsa(const KeyName& name, ByteView digest);
    // The private-key operation on a digest info (pkcs1) or on a block of the modulus' size (none).
    Result<Bytes> rsa_private(const KeyName& name, RsaPadding padding, ByteView input);
    // P-256, P-384; RSA 2048 to 4096. Stays in the token, cannot be read out. Errc::unsupported when the token has not
    // got the mechanism.
    Result<> generate_pair(const std::string& label, const pki::KeySpec& spec, Random& random);
    Result<> remove_pair(const std::string& label);
    // The id (CKA_ID) of the pair, which stays when its label changes; Errc::not_found.
    Result<Bytes> id_of_pair(const std::string& label);
    // Whether the token lets a label be changed: asked with the one that the private key has.
    Result<bool> can_rename(const std::string& label);
    // Gives the pair with this id the label, and removes other pairs of that label. May be repeated at any point.
    Result<> take_over_label(const Bytes& id, const std::string& label);

    // Secret keys: for HMAC-SHA256 or for AES-GCM.
    Result<bool> has_secret(const KeyName& name);
    // Can the token make and use such keys?
    Result<bool> supports(SecretUse use);
    Result<> generate_secret(const std::string& label, SecretUse use, Random& random);
    // In the place of an older one.
    Result<> import_secret(const std::string& label, SecretUse use, ByteView key, Random& random);
    Result<> remove_secret(const std::string& label);
    Result<Bytes> hmac_sha256(const KeyName& name, ByteView message);
    // The ciphertext, then the tag of 16 bytes.
    Result<Bytes> aead_encrypt(const KeyName& name, ByteView iv, ByteView aad, ByteView plaintext);
    // Errc::invalid_argument when it was not made with this key, iv and aad.
    Result<Secret> aead_decrypt(const KeyName& name, ByteView iv, ByteView aad, ByteView sealed);

private:
    std::unique_ptr<Sessions> sessions_;
};

}  // namespace muster::edge::pkcs11
