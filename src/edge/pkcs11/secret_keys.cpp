// Secret keys in a token: for HMAC-SHA256 (CKK_GENERIC_SECRET) and for AES-GCM (CKK_AES).
#include "edge/pkcs11/sessions.h"
#include "edge/pkcs11/token.h"

namespace muster::edge::pkcs11 {
namespace {

constexpr std::size_t id_size = 16;
constexpr std::size_t key_size = 32;
constexpr std::size_t small_key_size = 16;  // AES-128, for tokens that have no more
constexpr std::size_t tag_size = 16;
constexpr std::size_t largest_iv = 1024;

Result<Object> secret_key(const Session& session, const KeyName& name) {
    MUSTER_TRY(const auto found, session.find_one(CKO_SECRET_KEY, name));
    if (!found) return fail(Errc::not_found, "the token has no secret key with the {}", text_of(name));
    return *found;
}

void describe(Template& key, const std::string& label, SecretUse use, const Bytes& id) {
    key.boolean(CKA_TOKEN, true)
        .boolean(CKA_PRIVATE, true)
        .boolean(CKA_SENSITIVE, true)
        .boolean(CKA_EXTRACTABLE, false);
    key.text(CKA_LABEL, label).bytes(CKA_ID, id);
    if (use == SecretUse::sign) {
        key.number(CKA_KEY_TYPE, CKK_GENERIC_SECRET).boolean(CKA_SIGN, true);
    } else {
        key.number(CKA_KEY_TYPE, CKK_AES).boolean(CKA_ENCRYPT, true).boolean(CKA_DECRYPT, true);
    }
}

Result<> check_iv(ByteView iv) {
    if (!iv.empty() && iv.size() <= largest_iv) return {};
    return fail(Errc::invalid_argument, "parameter \"iv\" has an invalid size: {}", iv.size());
}

// The C API's parameter block; what it points to is the caller's.
struct Gcm {
    CK_GCM_PARAMS parameters{};
    Gcm(ByteView iv, ByteView aad) {
        parameters.pIv = const_cast<unsigned char*>(iv.data());
        parameters.ulIvLen = iv.size();
        parameters.ulIvBits = iv.size() * 8;
        parameters.pAAD = const_cast<unsigned char*>(aad.data());
        parameters.ulAADLen = aad.size();
        parameters.ulTagBits = tag_size * 8;
    }
    CK_MECHANISM mechanism() { return {CKM_AES_GCM, &parameters, sizeof parameters}; }
};

bool can(const Session& session, SecretUse use) {
    if (use == SecretUse::sign)
        return session.supports(CKM_GENERIC_SECRET_KEY_GEN, CKF_GENERATE) &&
               session.supports(CKM_SHA256_HMAC, CKF_SIGN);
    return session.supports(CKM_AES_KEY_GEN, CKF_GENERATE) && session.supports(CKM_AES_GCM, CKF_ENCRYPT | CKF_DECRYPT);
}

// Some tokens list what they then refuse: a new key is used once before it counts.
Result<> try_out(const Session& session, Object key, SecretUse use) {
    const auto message = as_bytes("0123456789ab");
    if (use == SecretUse::sign) {
        MUSTER_CHECK(session.sign(CKM_SHA256_HMAC, key, message));
        return {};
    }
    Gcm gcm(message, message);
    MUSTER_CHECK(session.encrypt(gcm.mechanism(), key, message, tag_size));
    return {};
}

Result<> generate(const Session& session, const std::string& label, SecretUse use, std::size_t size, Random& random) {
    Template attributes;
    describe(attributes, label, use, random.bytes(id_size));
    attributes.number(CKA_VALUE_LEN, size);
    const auto mechanism = use == SecretUse::sign ? CKM_GENERIC_SECRET_KEY_GEN : CKM_AES_KEY_GEN;
    MUSTER_TRY(const auto key, session.generate_key(mechanism, attributes));
    auto tried = try_out(session, key, use);
    if (!tried) (void)session.destroy(key);
    return tried;
}

}  // namespace

Result<bool> Token::has_secret(const KeyName& name) {
    return sessions_->search([&](const Session& session) -> Result<bool> {
        MUSTER_TRY(const auto found, session.find_one(CKO_SECRET_KEY, name));
        return found.has_value();
    });
}

Result<bool> Token::supports(SecretUse use) {
    return sessions_->use([&](const Session& session) -> Result<bool> { return can(session, use); });
}

Result<> Token::generate_secret(const std::string& label, SecretUse use, Random& random) {
    return sessions_->use_once([&](const Session& session) -> Result<> {
        auto made = generate(session, label, use, key_size, random);
        if (made || use == SecretUse::sign || !is_inability(made.error())) return made;
        return generate(session, label, use, small_key_size, random);
    });
}

Result<> Token::import_secret(const std::string& label, SecretUse use, ByteView key, Random& random) {
    return sessions_->use_once([&](const Session& session) -> Result<> {
        MUSTER_TRY(const auto older, session.find(CKO_SECRET_KEY, KeyName::labelled(label)));
        Template attributes;
        attributes.number(CKA_CLASS, CKO_SECRET_KEY);
        describe(attributes, label, use, random.bytes(id_size));
        attributes.bytes(CKA_VALUE, key);
        MUSTER_TRY(const auto made, session.create(attributes));
        if (auto tried = try_out(session, made, use); !tried) {
            (void)session.destroy(made);
            return tried;
        }
        for (const auto object : older) MUSTER_CHECK(session.destroy(object));
        return {};
    });
}

Result<> Token::remove_secret(const std::string& label) {
    return sessions_->use([&](const Session& session) -> Result<> {
        MUSTER_TRY(const auto found, session.find(CKO_SECRET_KEY, KeyName::labelled(label)));
        for (const auto object : found) MUSTER_CHECK(session.destroy(object));
        return {};
    });
}

Result<Bytes> Token::hmac_sha256(const KeyName& name, ByteView message) {
    return sessions_->use([&](const Session& session) -> Result<Bytes> {
        MUSTER_TRY(const auto key, secret_key(session, name));
        return session.sign(CKM_SHA256_HMAC, key, message);
    });
}

Result<Bytes> Token::aead_encrypt(const KeyName& name, ByteView iv, ByteView aad, ByteView plaintext) {
    MUSTER_CHECK(check_iv(iv));
    return sessions_->use([&](const Session& session) -> Result<Bytes> {
        MUSTER_TRY(const auto key, secret_key(session, name));
        Gcm gcm(iv, aad);
        return session.encrypt(gcm.mechanism(), key, plaintext, tag_size);
    });
}

Result<Secret> Token::aead_decrypt(const KeyName& name, ByteView iv, ByteView aad, ByteView sealed) {
    MUSTER_CHECK(check_iv(iv));
    return sessions_->use([&](const Session& session) -> Result<Secret> {
        MUSTER_TRY(const auto key, secret_key(session, name));
        Gcm gcm(iv, aad);
        auto opened = session.decrypt(gcm.mechanism(), key, sealed);
        if (opened) return opened;
        // Tokens do not say with one voice that a tag is wrong. One that still encrypts with the key has judged.
        if (!session.encrypt(gcm.mechanism(), key, {}, tag_size)) return opened;
        return fail(opened.error().wrap(Errc::invalid_argument,
                                        "cannot decrypt: the ciphertext was not made with this key, iv and aad"));
    });
}

}  // namespace muster::edge::pkcs11
