#include "wire/tpm/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "base/openssl_errors.h"
#include "base/owner.h"
#include "wire/tpm/buffer.h"
#include "wire/tpm/structures.h"

namespace muster::wire::tpm {
namespace {

using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>>;
using EcKey = std::unique_ptr<EC_KEY, Freer<EC_KEY_free>>;
using Group = std::unique_ptr<EC_GROUP, Freer<EC_GROUP_free>>;
using Point = std::unique_ptr<EC_POINT, Freer<EC_POINT_free>>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Freer<EVP_CIPHER_CTX_free>>;
using ParameterBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freer<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Freer<OSSL_PARAM_free>>;
using Number = std::unique_ptr<BIGNUM, Freer<BN_free>>;

const EVP_MD* digest_of(std::uint16_t hash) {
    return hash == algorithm::sha384 ? EVP_sha384() : EVP_sha256();
}

std::unexpected<Error> failed(std::string_view what) {
    return fail(Errc::internal, "OpenSSL cannot {}", what);
}

Number number(ByteView bytes) {
    return Number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

// Labels are hashed with their terminating zero (Part 1, B.4).
ByteView with_zero(std::string_view label, std::string& storage) {
    storage = label;
    storage.push_back('\0');
    return as_bytes(storage);
}

Result<SharedSeed> share_by_rsa(const StorageKey& with, std::string_view label, Random& random) {
    SharedSeed out{Secret(random.bytes(digest_size(with.name_algorithm()))), {}};
    const auto* hash = digest_of(with.name_algorithm());
    const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, with.rsa(), nullptr));
    if (!context || EVP_PKEY_encrypt_init(context.get()) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), hash) != 1 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), hash) != 1)
        return failed("set up RSA-OAEP");
    std::string storage;
    const auto bytes = with_zero(label, storage);
    void* owned = OPENSSL_memdup(bytes.data(), bytes.size());  // the context frees it
    if (owned == nullptr ||
        EVP_PKEY_CTX_set0_rsa_oaep_label(context.get(), owned, static_cast<int>(bytes.size())) != 1) {
        OPENSSL_free(owned);
        return failed("set the label of RSA-OAEP");
    }
    std::size_t size = 0;
    const auto seed = out.seed.bytes();
    if (EVP_PKEY_encrypt(context.get(), nullptr, &size, seed.data(), seed.size()) != 1)
        return failed("encrypt for the TPM's RSA key");
    out.encrypted.resize(size);
    if (EVP_PKEY_encrypt(context.get(), out.encrypted.data(), &size, seed.data(), seed.size()) != 1)
        return failed("encrypt for the TPM's RSA key");
    out.encrypted.resize(size);
    return out;
}

const EC_GROUP* group_of(std::size_t field) {
    static const Group p256(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
    static const Group p384(EC_GROUP_new_by_curve_name(NID_secp384r1));
    return field == 32 ? p256.get() : p384.get();
}

// Nothing when it is not on the curve.
Point point_of(ByteView x, ByteView y) {
    const auto* group = group_of(x.size());
    Point point(group == nullptr ? nullptr : EC_POINT_new(group));
    const auto first = number(x), second = number(y);
    if (!point || !first || !second ||
        EC_POINT_set_affine_coordinates(group, point.get(), first.get(), second.get(), nullptr) != 1)
        return nullptr;
    return point;
}

struct Coordinates {
    Bytes x, y;
};

Result<Coordinates> coordinates_of(const EC_KEY* key, std::size_t field) {
    const Number x(BN_new()), y(BN_new());
    Coordinates out{Bytes(field), Bytes(field)};
    const auto size = static_cast<int>(field);
    if (!x || !y ||
        EC_POINT_get_affine_coordinates(EC_KEY_get0_group(key), EC_KEY_get0_public_key(key), x.get(), y.get(),
                                        nullptr) != 1 ||
        BN_bn2binpad(x.get(), out.x.data(), size) < 0 || BN_bn2binpad(y.get(), out.y.data(), size) < 0)
        return failed("read a point");
    return out;
}

// By the curve's own functions: a program may have OpenSSL's key objects go another way (pki/direct_ec.h).
Result<SharedSeed> share_by_ecdh(const StorageKey& with, std::string_view label) {
    const auto field = with.x().size();
    const EcKey ephemeral(EC_KEY_new());
    if (!ephemeral || EC_KEY_set_group(ephemeral.get(), group_of(field)) != 1 ||
        EC_KEY_generate_key(ephemeral.get()) != 1)
        return failed("make an ephemeral EC key");
    const auto peer = point_of(with.x(), with.y());
    Bytes z(field);
    if (!peer || ECDH_compute_key(z.data(), z.size(), peer.get(), ephemeral.get(), nullptr) != static_cast<int>(field))
        return failed("agree on a secret with the TPM's EC key");
    const Secret shared(std::move(z));
    MUSTER_TRY(const auto ours, coordinates_of(ephemeral.get(), field));
    const auto hash = with.name_algorithm();
    return SharedSeed{kdfe(hash, shared.bytes(), label, ours.x, with.x(), static_cast<int>(digest_size(hash) * 8)),
                      Writer().sized(ours.x).sized(ours.y).take()};
}

// The first `bits` of the concatenation of what `block` makes of 1, 2, 3 ...
template <class Block>
Secret derive(int bits, Block block) {
    const auto size = static_cast<std::size_t>(bits) / 8;
    Bytes out;
    out.reserve(size + EVP_MAX_MD_SIZE);
    for (std::uint32_t counter = 1; out.size() < size; ++counter) {
        const Secret next = block(counter);
        out.insert(out.end(), next.bytes().begin(), next.bytes().end());
    }
    wipe(out.data() + size, out.size() - size);
    out.resize(size);
    return Secret(std::move(out));
}

}  // namespace

std::size_t digest_size(std::uint16_t hash) {
    return hash == algorithm::sha384 ? 48 : 32;
}

Bytes digest(std::uint16_t hash, ByteView bytes) {
    Bytes out(digest_size(hash));
    unsigned size = 0;
    EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, digest_of(hash), nullptr);
    return out;
}

Bytes name_of(std::uint16_t hash, ByteView public_area) {
    return Writer().u16(hash).raw(digest(hash, public_area)).take();
}

Result<std::shared_ptr<EVP_PKEY>> rsa_public_key(ByteView modulus, std::uint32_t exponent) {
    const OpenSslErrorScope scope;
    const ParameterBuilder builder(OSSL_PARAM_BLD_new());
    const auto n = number(modulus);
    if (!builder || !n || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_uint(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent) != 1)
        return failed("read an RSA key");
    const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
    EVP_PKEY* key = nullptr;
    if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
        return fail(Errc::invalid_argument, "it is no valid RSA key");
    return std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free);
}

bool is_on_curve(ByteView x, ByteView y) {
    const OpenSslErrorScope scope;
    return point_of(x, y) != nullptr;
}

Secret hmac(std::uint16_t hash, ByteView key, ByteView first, ByteView second) {
    Bytes message(first.begin(), first.end());
    message.insert(message.end(), second.begin(), second.end());
    Bytes out(digest_size(hash));
    unsigned size = 0;
    HMAC(digest_of(hash), key.data(), static_cast<int>(key.size()), message.data(), message.size(), out.data(), &size);
    return Secret(std::move(out));
}

Secret kdfa(std::uint16_t hash, ByteView key, std::string_view label, ByteView context, int bits) {
    std::string storage;
    const auto labelled = with_zero(label, storage);
    return derive(bits, [&](std::uint32_t counter) {
        return hmac(hash, key,
                    Writer().u32(counter).raw(labelled).raw(context).u32(static_cast<std::uint32_t>(bits)).take());
    });
}

Secret kdfe(std::uint16_t hash, ByteView z, std::string_view label, ByteView party_u, ByteView party_v, int bits) {
    std::string storage;
    const auto labelled = with_zero(label, storage);
    return derive(bits, [&](std::uint32_t counter) {
        const Secret input(Writer().u32(counter).raw(z).raw(labelled).raw(party_u).raw(party_v).take());
        return Secret(digest(hash, input.bytes()));
    });
}

Result<Bytes> encrypt_cfb(ByteView key, ByteView plain) {
    const OpenSslErrorScope scope;
    const std::uint8_t no_vector[16] = {};
    const auto* cipher = key.size() == 32 ? EVP_aes_256_cfb128() : EVP_aes_128_cfb128();
    const CipherContext context(EVP_CIPHER_CTX_new());
    Bytes out(plain.size());
    int size = 0;
    if (!context || EVP_EncryptInit_ex(context.get(), cipher, nullptr, key.data(), no_vector) != 1 ||
        EVP_EncryptUpdate(context.get(), out.data(), &size, plain.data(), static_cast<int>(plain.size())) != 1)
        return failed("encrypt with AES-CFB");
    return out;
}

Result<SharedSeed> share_seed(const StorageKey& with, std::string_view label, Random& random) {
    const OpenSslErrorScope scope;
    return with.type() == algorithm::rsa ? share_by_rsa(with, label, random) : share_by_ecdh(with, label);
}

Result<Bytes> protect(const StorageKey& with, const Secret& seed, ByteView name, ByteView plain) {
    const auto hash = with.name_algorithm();
    const auto key = kdfa(hash, seed.bytes(), "STORAGE", name, with.symmetric_bits());
    MUSTER_TRY(const auto encrypted, encrypt_cfb(key.bytes(), plain));
    const auto mac_key = kdfa(hash, seed.bytes(), "INTEGRITY", {}, static_cast<int>(digest_size(hash) * 8));
    return Writer().sized(hmac(hash, mac_key.bytes(), encrypted, name).bytes()).raw(encrypted).take();
}

}  // namespace muster::wire::tpm
