#include "edge/keyd/keys.h"

#include "base/log.h"
#include "base/text.h"
#include "edge/keyd/crypto.h"

namespace muster::edge::keyd {
namespace {

constexpr std::string_view validation_key_id = "handle-validation-key";
constexpr std::size_t new_key_bytes = 32;
constexpr std::size_t largest_id = 1024;
constexpr std::size_t largest_import = 4096;

Result<> check_id(const std::string& id) {
    if (id.empty() || id.size() > largest_id || id.find('\0') != std::string::npos)
        return fail(Errc::invalid_argument, "parameter \"id\" has an invalid value: an id has 1 to {} characters",
                    largest_id);
    // Whoever holds it can forge any handle.
    if (id == validation_key_id) return fail(Errc::forbidden, "the key \"{}\" is keyd's own", id);
    return {};
}

Result<> check_usage(std::string_view usage) {
    for (const auto word : split(usage, ','))
        if (word != "derive" && word != "sign" && word != "encrypt")
            return fail(Errc::invalid_argument,
                        "parameter \"usage\" has an invalid value \"{}\"; known: derive,sign and encrypt",
                        printable(usage, 40));
    return {};
}

}  // namespace

Keys::Keys(KeyFiles files, Principals principals, Random& random)
    : files_(std::move(files)),
      random_(random),
      principals_(std::make_shared<const Principals>(std::move(principals))) {}

Result<> Keys::start() {
    const std::string id(validation_key_id);
    MUSTER_TRY(auto found, files_.find(id));
    if (!found) {
        Secret fresh(random_.bytes(new_key_bytes));
        MUSTER_CHECK(files_.create(id, fresh.bytes()));
        found = std::move(fresh);
    }
    if (found->size() < 16)
        return fail(Errc::io, "{} is damaged: it holds {} bytes", files_.path_of(id).string(), found->size());
    validation_key_ = std::move(*found);
    return {};
}

void Keys::set_principals(Principals principals) {
    auto fresh = std::make_shared<const Principals>(std::move(principals));
    const std::lock_guard lock(mutex_);
    principals_ = std::move(fresh);
}

Result<> Keys::authorize(uid_t uid, const std::string& id) const {
    MUSTER_CHECK(check_id(id));
    std::shared_ptr<const Principals> principals;
    {
        const std::lock_guard lock(mutex_);
        principals = principals_;
    }
    return principals->check(uid, id, "use the key");
}

std::string Keys::handle_of(KeyRef key) const {
    return make_handle(key, validation_key_, random_);
}

Result<KeyRef> Keys::open(std::string_view handle, std::optional<KeyRef::Kind> kind) const {
    MUSTER_TRY(auto key, open_handle(handle, validation_key_));
    if (kind && key.kind != *kind)
        return fail(Errc::invalid_argument,
                    "parameter \"keyHandle\" has an invalid value: it stands for another kind of key");
    return key;
}

Result<std::string> Keys::create_key(uid_t uid, const std::string& id, std::optional<Secret> import,
                                     std::string_view usage) {
    MUSTER_CHECK(authorize(uid, id));
    MUSTER_CHECK(check_usage(usage));
    if (import && (import->empty() || import->size() > largest_import))
        return fail(Errc::invalid_argument, "parameter \"keyBytes\" has an invalid size: 1 to {} bytes",
                    largest_import);
    MUSTER_TRY(const auto existing, files_.find(id));
    const bool same = existing && import && equal_constant_time(import->bytes(), existing->bytes());
    if (import && !same) {
        MUSTER_CHECK(files_.put(id, import->bytes()));
        log::info("key imported", {{"keyId", printable(id)}});
    } else if (!existing) {
        const Secret fresh(random_.bytes(new_key_bytes));
        MUSTER_CHECK(files_.create(id, fresh.bytes()));
        log::info("key created", {{"keyId", printable(id)}});
    }
    return handle_of({KeyRef::Kind::key, id, {}});
}

Result<std::string> Keys::load_key(uid_t uid, const std::string& id) const {
    MUSTER_CHECK(authorize(uid, id));
    MUSTER_CHECK(files_.load(id));
    return handle_of({KeyRef::Kind::key, id, {}});
}

Result<std::string> Keys::create_pair(uid_t uid, const std::string& id, std::string_view preferred) {
    MUSTER_CHECK(authorize(uid, id));
    MUSTER_TRY(const auto spec, preferred_algorithm(preferred));
    MUSTER_TRY(const auto existing, files_.find(id));
    if (!existing) {
        MUSTER_TRY(const auto key, pki::PrivateKey::generate(spec));
        MUSTER_TRY(const auto pem, key.to_pem());
        MUSTER_CHECK(files_.create(id, pem.bytes()));
        log::info("key pair created", {{"keyId", printable(id)}, {"algorithm", spec.text()}});
    } else {
        MUSTER_CHECK(files_.load_pair(id));
    }
    return handle_of({KeyRef::Kind::key_pair, id, {}});
}

Result<std::string> Keys::load_pair(uid_t uid, const std::string& id) const {
    MUSTER_CHECK(authorize(uid, id));
    MUSTER_CHECK(files_.load_pair(id));
    return handle_of({KeyRef::Kind::key_pair, id, {}});
}

Result<> Keys::move_pair(uid_t uid, const std::string& from, const std::string& to) {
    MUSTER_CHECK(authorize(uid, from));
    MUSTER_CHECK(authorize(uid, to));
    MUSTER_CHECK(files_.move(from, to));
    log::info("key pair moved", {{"from", printable(from)}, {"to", printable(to)}});
    return {};
}

Result<> Keys::remove(uid_t uid, std::string_view handle, KeyRef::Kind kind) {
    MUSTER_TRY(const auto key, open(handle, kind));
    MUSTER_CHECK(authorize(uid, key.id));
    MUSTER_CHECK(files_.remove(key.id));
    log::info("key deleted", {{"keyId", printable(key.id)}});
    return {};
}

Result<std::string> Keys::derive(std::string_view base_handle, Bytes derivation) const {
    MUSTER_TRY(const auto base, open(base_handle, KeyRef::Kind::key));
    return handle_of({KeyRef::Kind::derived, base.id, std::move(derivation)});
}

Result<Secret> Keys::symmetric(const KeyRef& key) const {
    if (key.kind == KeyRef::Kind::key_pair)
        return fail(Errc::invalid_argument, "parameter \"keyHandle\" has an invalid value: it stands for a key pair");
    MUSTER_TRY(auto base, files_.load(key.id));
    if (key.kind == KeyRef::Kind::key) return base;
    return Secret(pki::hmac_sha256(base.bytes(), key.derivation));
}

Result<Secret> Keys::export_derived(std::string_view handle) const {
    MUSTER_TRY(const auto key, open(handle, KeyRef::Kind::derived));
    return symmetric(key);
}

Result<pki::PrivateKey> Keys::pair(std::string_view handle) const {
    MUSTER_TRY(const auto key, open(handle, KeyRef::Kind::key_pair));
    return files_.load_pair(key.id);
}

Result<std::string> Keys::parameter(std::string_view handle, std::string_view name) const {
    MUSTER_TRY(const auto key, pair(handle));
    return key_parameter(key, name);
}

Result<Bytes> Keys::sign_ecdsa(std::string_view handle, ByteView digest) const {
    MUSTER_TRY(const auto key, pair(handle));
    return ecdsa_sign(key, digest);
}

Result<Bytes> Keys::sign_hmac(std::string_view handle, ByteView message) const {
    MUSTER_TRY(const auto key, open(handle));
    MUSTER_TRY(const auto secret, symmetric(key));
    return pki::hmac_sha256(secret.bytes(), message);
}

Result<Bytes> Keys::encrypt(std::string_view handle, ByteView iv, ByteView aad, ByteView plaintext) const {
    MUSTER_TRY(const auto key, open(handle));
    MUSTER_TRY(const auto secret, symmetric(key));
    return aead_encrypt(secret, iv, aad, plaintext);
}

Result<Secret> Keys::decrypt(std::string_view handle, ByteView iv, ByteView aad, ByteView ciphertext) const {
    MUSTER_TRY(const auto key, open(handle));
    MUSTER_TRY(const auto secret, symmetric(key));
    return aead_decrypt(secret, iv, aad, ciphertext);
}

Result<Bytes> Keys::rsa_private(std::string_view handle, std::string_view algorithm, ByteView input) const {
    MUSTER_TRY(const auto key, pair(handle));
    return keyd::rsa_private(key, algorithm == "RSA-PKCS1" ? RsaPadding::pkcs1 : RsaPadding::none, input);
}

}  // namespace muster::edge::keyd
