#include "pki/key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"
#include "pki/direct_ec.h"
#include "pki/openssl.h"

namespace muster::pki {

void EvpKeyDeleter::operator()(EVP_PKEY* key) const {
    EVP_PKEY_free(key);
}

EvpKey share(EVP_PKEY* key) {
    if (key != nullptr) EVP_PKEY_up_ref(key);
    return EvpKey(key);
}

namespace {

constexpr const char* kKnownSpecs = "ec:p256, ec:p384, rsa:2048, rsa:3072 or rsa:4096";

// What PEM_read_bio_PrivateKey's callback needs to know and to tell.
struct PassphraseAsked {
    std::string_view passphrase;
    bool asked = false;
};

using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>>;

// By curve number, which providers and the older method tables both understand; EVP_EC_gen() knows providers alone.
EvpKey generate_ec(int curve) {
    const KeyContext context(EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nullptr));
    EVP_PKEY* key = nullptr;
    if (!context || EVP_PKEY_keygen_init(context.get()) != 1 ||
        EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context.get(), curve) != 1 ||
        EVP_PKEY_keygen(context.get(), &key) != 1) {
        return nullptr;
    }
    return EvpKey(key);
}

int give_passphrase(char* out, int size, int /*for_writing*/, void* user) {
    auto* state = static_cast<PassphraseAsked*>(user);
    state->asked = true;
    if (state->passphrase.empty() || state->passphrase.size() > static_cast<std::size_t>(size)) return -1;
    std::memcpy(out, state->passphrase.data(), state->passphrase.size());
    return static_cast<int>(state->passphrase.size());
}

}  // namespace

Result<KeySpec> KeySpec::parse(std::string_view text) {
    const std::string spec = to_lower(text);
    if (spec == "ec:p256") return KeySpec{KeyAlgorithm::ec, 256};
    if (spec == "ec:p384") return KeySpec{KeyAlgorithm::ec, 384};
    if (spec == "rsa:2048") return KeySpec{KeyAlgorithm::rsa, 2048};
    if (spec == "rsa:3072") return KeySpec{KeyAlgorithm::rsa, 3072};
    if (spec == "rsa:4096") return KeySpec{KeyAlgorithm::rsa, 4096};
    return fail(Errc::invalid_argument, "unknown key kind \"{}\": choose {}", printable(text), kKnownSpecs);
}

std::string KeySpec::text() const {
    return fmt::format("{}{}", algorithm == KeyAlgorithm::ec ? "ec:p" : "rsa:", bits);
}

Result<PublicKey> PublicKey::from_spki_der(ByteView der) {
    const ErrorScope errors;
    const unsigned char* next = der.data();
    EvpKey key(d2i_PUBKEY(nullptr, &next, static_cast<long>(der.size())));
    if (!key) return fail(Errc::invalid_argument, "not a public key (SubjectPublicKeyInfo): {}", ErrorScope::reason());
    if (next != der.data() + der.size()) {
        return fail(Errc::invalid_argument, "bytes follow the public key (SubjectPublicKeyInfo)");
    }
    return PublicKey(std::move(key));
}

Bytes PublicKey::spki_der() const {
    return encode_der(key_.get(), i2d_PUBKEY);
}

KeySpec PublicKey::spec() const {
    if (EVP_PKEY_is_a(key_.get(), "RSA") == 1) return {KeyAlgorithm::rsa, EVP_PKEY_get_bits(key_.get())};
    if (EVP_PKEY_is_a(key_.get(), "EC") == 1) return {KeyAlgorithm::ec, EVP_PKEY_get_bits(key_.get())};
    return {KeyAlgorithm::ec, 0};
}

bool PublicKey::operator==(const PublicKey& other) const {
    const ErrorScope errors;
    return EVP_PKEY_eq(key_.get(), other.key_.get()) == 1;
}

bool PublicKey::verify(ByteView message, ByteView signature) const {
    const ErrorScope errors;
    const DigestContext context(EVP_MD_CTX_new());
    return context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
           EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

Result<PrivateKey> PrivateKey::generate(const KeySpec& spec) {
    const ErrorScope errors;
    EvpKey key;
    if (spec.algorithm == KeyAlgorithm::rsa) {
        key.reset(EVP_RSA_gen(static_cast<unsigned int>(spec.bits)));
    } else {
        key = generate_ec(spec.bits == 384 ? NID_secp384r1 : NID_X9_62_prime256v1);
    }
    if (!key) return fail(Errc::internal, "cannot generate a {} key: {}", spec.text(), ErrorScope::reason());
    return PrivateKey(std::move(key));
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem, std::string_view passphrase) {
    const ErrorScope errors;
    const BioOwner input = reader_of(as_bytes(pem));
    PassphraseAsked state{passphrase};
    EvpKey key(PEM_read_bio_PrivateKey(input.get(), nullptr, give_passphrase, &state));
    if (key) return PrivateKey(as_direct_key(std::move(key)));
    if (state.asked && passphrase.empty()) {
        return fail(Errc::unauthorized, "the private key is encrypted and no passphrase was given");
    }
    if (state.asked) return fail(Errc::unauthorized, "the private key cannot be decrypted with this passphrase");
    return fail(Errc::invalid_argument, "not a private key in PEM (PKCS#8, SEC1 or PKCS#1): {}", ErrorScope::reason());
}

Result<Secret> PrivateKey::to_pem() const {
    const ErrorScope errors;
    // A memory BIO clears what it held when it is freed or grows.
    const BioOwner out(BIO_new(BIO_s_mem()));
    if (!out || PEM_write_bio_PKCS8PrivateKey(out.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
        return fail(Errc::unsupported, "the private key cannot be written out: {}", ErrorScope::reason());
    }
    return Secret(as_text(written_to(out.get())));
}

Result<PublicKey> PrivateKey::public_key() const {
    // The same key object: going through its encoding would cost more than generating an EC key does.
    if (i2d_PUBKEY(key_.get(), nullptr) <= 0) return fail(Errc::internal, "the private key has no public half");
    return PublicKey(share(key_.get()));
}

Result<Bytes> PrivateKey::sign(ByteView message) const {
    const ErrorScope errors;
    const DigestContext context(EVP_MD_CTX_new());
    std::size_t size = 0;
    if (!context || EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()) != 1) {
        return fail(Errc::internal, "cannot sign with this key: {}", ErrorScope::reason());
    }
    Bytes signature(size);
    if (EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) != 1) {
        return fail(Errc::internal, "signing failed: {}", ErrorScope::reason());
    }
    signature.resize(size);
    return signature;
}

Bytes sha256(ByteView bytes) {
    // The low-level calls: the one-shot SHA256() of OpenSSL 3.0 looks its algorithm up each time, which costs more than
    // hashing a certificate does.
    Bytes out(SHA256_DIGEST_LENGTH);
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, bytes.data(), bytes.size());
    SHA256_Final(out.data(), &context);
    return out;
}

Bytes hmac_sha256(ByteView key, ByteView message) {
    // RFC 2104 over the same calls, for the same reason: HMAC() looks up the MAC and the hash each time.
    std::array<std::uint8_t, SHA256_CBLOCK> block{};
    Bytes short_key = key.size() > block.size() ? sha256(key) : Bytes(key.begin(), key.end());
    std::ranges::copy(short_key, block.begin());
    wipe(short_key.data(), short_key.size());
    const auto round = [&](std::uint8_t pad, ByteView data) {
        auto padded = block;
        for (auto& byte : padded) byte ^= pad;
        Bytes out(SHA256_DIGEST_LENGTH);
        SHA256_CTX context;
        SHA256_Init(&context);
        SHA256_Update(&context, padded.data(), padded.size());
        SHA256_Update(&context, data.data(), data.size());
        SHA256_Final(out.data(), &context);
        wipe(padded.data(), padded.size());
        wipe(&context, sizeof context);
        return out;
    };
    const Bytes inner = round(0x36, message);
    auto outer = round(0x5c, inner);
    wipe(block.data(), block.size());
    return outer;
}

}  // namespace muster::pki
