#include "edge/keyd/keys.h"

#include "base/log.h"
#include "base/text.h"
#include "edge/keyd/crypto.h"

namespace muster::edge::keyd {
namespace {

constexpr std::string_view validation_key_id = "handle-validation-key";
constexpr std::size_t new_key_bytes = 32;  // of the validation key
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

Result<KeyUse> parse_usage(std::string_view usage) {
    bool sign = false;
    bool encrypt = false;
    for (const auto word : split(usage, ',')) {
        if (word != "derive" && word != "sign" && word != "encrypt")
            return fail(Errc::invalid_argument,
                        "parameter \"usage\" has an invalid value \"{}\"; known: derive,sign and encrypt",
                        printable(usage, 40));
        (word == "encrypt" ? encrypt : sign) = true;
    }
    if (sign && encrypt) return KeyUse::both;
    return encrypt ? KeyUse::encrypt : KeyUse::sign;
}

std::unexpected<Error> no_such_key(const std::string& id) {
    return fail(Errc::not_found, "parameter \"id\" has an invalid value: key \"{}\" not found", printable(id));
}

template <class Key>
Result<std::unique_ptr<Key>> there(Result<std::unique_ptr<Key>> found, const std::string& id) {
    if (found && !*found) return no_such_key(id);
    return found;
}

}  // namespace

Keys::Keys(KeyStore store, Principals principals, Random& random)
    : store_(std::move(store)),
      random_(random),
      principals_(std::make_shared<const Principals>(std::move(principals))) {}

// In a file, whatever else is in a token: handles, and with them everything that is in files, must not depend on one.
Result<> Keys::start() {
    const std::string id(validation_key_id);
    const auto& files = store_.files();
    MUSTER_TRY(auto found, files.find(id));
    if (!found) {
        Secret fresh(random_.bytes(new_key_bytes));
        MUSTER_CHECK(files.create(id, fresh.bytes()));
        found = std::move(fresh);
    }
    if (found->size() < 16)
        return fail(Errc::io, "{} is damaged: it holds {} bytes", files.path_of(id).string(), found->size());
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

Result<std::string> Keys::id_of(std::string_view handle) const {
    MUSTER_TRY(auto key, open(handle));
    return std::move(key.id);
}

Result<std::string> Keys::create_key(uid_t uid, const std::string& id, std::optional<Secret> import,
                                     std::string_view usage) {
    MUSTER_CHECK(authorize(uid, id));
    MUSTER_TRY(const auto use, parse_usage(usage));
    if (import && (import->empty() || import->size() > largest_import))
        return fail(Errc::invalid_argument, "parameter \"keyBytes\" has an invalid size: 1 to {} bytes",
                    largest_import);
    if (import) {
        MUSTER_CHECK(store_.import_key(id, use, *import));
    } else {
        MUSTER_TRY(const auto existing, store_.find_key(id));
        if (!existing) MUSTER_CHECK(store_.create_key(id, use));
    }
    return handle_of({KeyRef::Kind::key, id, {}});
}

Result<std::string> Keys::load_key(uid_t uid, const std::string& id) const {
    MUSTER_CHECK(authorize(uid, id));
    MUSTER_CHECK(base_key(id));
    return handle_of({KeyRef::Kind::key, id, {}});
}

Result<std::string> Keys::create_pair(uid_t uid, const std::string& id, std::string_view preferred) {
    MUSTER_CHECK(authorize(uid, id));
    MUSTER_TRY(const auto specs, preferred_algorithms(preferred));
    MUSTER_TRY(const auto existing, store_.find_pair(id));
    if (!existing) MUSTER_CHECK(store_.create_pair(id, specs));
    return handle_of({KeyRef::Kind::key_pair, id, {}});
}

Result<std::string> Keys::load_pair(uid_t uid, const std::string& id) const {
    MUSTER_CHECK(authorize(uid, id));
    MUSTER_CHECK(there(store_.find_pair(id), id));
    return handle_of({KeyRef::Kind::key_pair, id, {}});
}

Result<> Keys::move_pair(uid_t uid, const std::string& from, const std::string& to) {
    MUSTER_CHECK(authorize(uid, from));
    MUSTER_CHECK(authorize(uid, to));
    MUSTER_CHECK(store_.move_pair(from, to));
    log::info("key pair moved", {{"from", printable(from)}, {"to", printable(to)}});
    return {};
}

Result<> Keys::remove(uid_t uid, std::string_view handle, KeyRef::Kind kind) {
    MUSTER_TRY(const auto key, open(handle, kind));
    MUSTER_CHECK(authorize(uid, key.id));
    MUSTER_CHECK(kind == KeyRef::Kind::key_pair ? store_.remove_pair(key.id) : store_.remove_key(key.id));
    log::info("key deleted", {{"keyId", printable(key.id)}});
    return {};
}

Result<std::string> Keys::derive(std::string_view base_handle, Bytes derivation) const {
    MUSTER_TRY(const auto base, open(base_handle, KeyRef::Kind::key));
    return handle_of({KeyRef::Kind::derived, base.id, std::move(derivation)});
}

Result<std::unique_ptr<SymmetricKey>> Keys::base_key(const std::string& id) const {
    return there(store_.find_key(id), id);
}

Result<Secret> Keys::derived(const KeyRef& key) const {
    MUSTER_TRY(const auto base, base_key(key.id));
    MUSTER_TRY(auto bytes, base->hmac_sha256(key.derivation));
    return Secret(std::move(bytes));
}

Result<std::unique_ptr<SymmetricKey>> Keys::symmetric(std::string_view handle) const {
    MUSTER_TRY(const auto key, open(handle));
    if (key.kind == KeyRef::Kind::key_pair)
        return fail(Errc::invalid_argument, "parameter \"keyHandle\" has an invalid value: it stands for a key pair");
    if (key.kind == KeyRef::Kind::key) return base_key(key.id);
    MUSTER_TRY(auto secret, derived(key));
    return symmetric_key_in_memory(std::move(secret));
}

Result<Secret> Keys::export_derived(std::string_view handle) const {
    MUSTER_TRY(const auto key, open(handle, KeyRef::Kind::derived));
    return derived(key);
}

Result<std::unique_ptr<KeyPair>> Keys::pair(std::string_view handle) const {
    MUSTER_TRY(const auto key, open(handle, KeyRef::Kind::key_pair));
    return there(store_.find_pair(key.id), key.id);
}

Result<std::string> Keys::parameter(std::string_view handle, std::string_view name) const {
    MUSTER_TRY(const auto key, pair(handle));
    MUSTER_TRY(const auto half, key->public_key());
    return key_parameter(half, name);
}

Result<Bytes> Keys::sign_ecdsa(std::string_view handle, ByteView digest) const {
    MUSTER_TRY(const auto key, pair(handle));
    return key->sign_ecdsa(digest);
}

Result<Bytes> Keys::sign_hmac(std::string_view handle, ByteView message) const {
    MUSTER_TRY(const auto key, symmetric(handle));
    return key->hmac_sha256(message);
}

Result<Bytes> Keys::encrypt(std::string_view handle, ByteView iv, ByteView aad, ByteView plaintext) const {
    MUSTER_TRY(const auto key, symmetric(handle));
    return key->encrypt(iv, aad, plaintext);
}

Result<Secret> Keys::decrypt(std::string_view handle, ByteView iv, ByteView aad, ByteView ciphertext) const {
    MUSTER_TRY(const auto key, symmetric(handle));
    return key->decrypt(iv, aad, ciphertext);
}

Result<Bytes> Keys::rsa_private(std::string_view handle, std::string_view algorithm, ByteView input) const {
    MUSTER_TRY(const auto key, pair(handle));
    return key->rsa_private(algorithm == "RSA-PKCS1" ? RsaPadding::pkcs1 : RsaPadding::none, input);
}

}  // namespace muster::edge::keyd
