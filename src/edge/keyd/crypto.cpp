#include "edge/keyd/crypto.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

#include "base/owner.h"
#include "base/text.h"

namespace muster::edge::keyd {
namespace {

constexpr std::size_t tag_size = 16;
constexpr std::uint8_t version_current = 0x02;  // ciphertext, tag
constexpr std::uint8_t version_legacy = 0x01;   // tag, ciphertext

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Freer<EVP_CIPHER_CTX_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>>;
using BigNumber = std::unique_ptr<BIGNUM, Freer<BN_free>>;

Result<CipherContext> start_aead(const Secret& key, ByteView iv, ByteView aad, bool encrypt) {
    if (key.size() != 32) return fail(Errc::invalid_argument, "the key has {} bytes; AEAD needs 32", key.size());
    if (iv.empty() || iv.size() > 1024)
        return fail(Errc::invalid_argument, "parameter \"iv\" has an invalid size: {}", iv.size());
    CipherContext context(EVP_CIPHER_CTX_new());
    int ignored = 0;
    const int direction = encrypt ? 1 : 0;
    const bool ok =
        context && EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, nullptr, nullptr, direction) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_IVLEN, static_cast<int>(iv.size()), nullptr) == 1 &&
        EVP_CipherInit_ex(context.get(), nullptr, nullptr, key.bytes().data(), iv.data(), direction) == 1 &&
        (aad.empty() ||
         EVP_CipherUpdate(context.get(), nullptr, &ignored, aad.data(), static_cast<int>(aad.size())) == 1);
    if (!ok) return fail(Errc::internal, "cannot set up AES-256-GCM");
    return context;
}

Result<EVP_PKEY*> expect(const pki::PrivateKey& key, int type, std::string_view name) {
    if (EVP_PKEY_get_base_id(key.get()) != type)
        return fail(Errc::invalid_argument, "the key pair is not an {} key", name);
    return key.get();
}

Result<Bytes> number_parameter(EVP_PKEY* key, const char* name) {
    BIGNUM* raw = nullptr;
    if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return fail(Errc::internal, "the key lacks its {}", name);
    const BigNumber number(raw);
    Bytes bytes(static_cast<std::size_t>(BN_num_bytes(raw)));
    BN_bn2bin(raw, bytes.data());
    return bytes;
}

Result<int> curve_of(EVP_PKEY* key) {
    std::array<char, 80> name{};
    std::size_t size = 0;
    if (EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) != 1)
        return fail(Errc::internal, "the key's curve has no name");
    return OBJ_txt2nid(name.data());
}

Result<Bytes> curve_oid(EVP_PKEY* key) {
    MUSTER_TRY(const int curve, curve_of(key));
    const auto* object = OBJ_nid2obj(curve);
    std::uint8_t* raw = nullptr;
    const int size = object != nullptr ? i2d_ASN1_OBJECT(object, &raw) : -1;
    if (size <= 0) return fail(Errc::internal, "the key's curve has no object identifier");
    Bytes der(raw, raw + size);
    OPENSSL_free(raw);
    return der;
}

// From the coordinates: what the provider encodes follows the form that the key was read in.
Result<Bytes> compressed_point(EVP_PKEY* key) {
    MUSTER_TRY(auto x, number_parameter(key, OSSL_PKEY_PARAM_EC_PUB_X));
    MUSTER_TRY(const auto y, number_parameter(key, OSSL_PKEY_PARAM_EC_PUB_Y));
    const auto field = static_cast<std::size_t>(EVP_PKEY_get_bits(key) + 7) / 8;
    Bytes point(1, (!y.empty() && (y.back() & 1) != 0) ? std::uint8_t{3} : std::uint8_t{2});
    point.resize(1 + field - std::min(field, x.size()), 0);
    point.insert(point.end(), x.begin(), x.end());
    return point;
}

}  // namespace

Result<Bytes> aead_encrypt(const Secret& key, ByteView iv, ByteView aad, ByteView plaintext) {
    MUSTER_TRY(const auto context, start_aead(key, iv, aad, true));
    Bytes blob(1 + plaintext.size() + tag_size);
    blob[0] = version_current;
    int written = 0;
    int rest = 0;
    const bool ok =
        EVP_CipherUpdate(context.get(), blob.data() + 1, &written, plaintext.data(),
                         static_cast<int>(plaintext.size())) == 1 &&
        EVP_CipherFinal_ex(context.get(), blob.data() + 1 + written, &rest) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, tag_size, blob.data() + 1 + plaintext.size()) == 1;
    if (!ok) return fail(Errc::internal, "AES-256-GCM failed");
    return blob;
}

Bytes blob_of(ByteView sealed) {
    Bytes blob{version_current};
    blob.insert(blob.end(), sealed.begin(), sealed.end());
    return blob;
}

Result<Bytes> sealed_of(ByteView blob) {
    if (blob.size() < 1 + tag_size || (blob[0] != version_current && blob[0] != version_legacy))
        return fail(Errc::invalid_argument, "parameter \"ciphertext\" has an invalid value");
    Bytes sealed(blob.begin() + 1, blob.end());
    if (blob[0] == version_legacy) std::ranges::rotate(sealed, sealed.begin() + tag_size);
    return sealed;
}

Result<Secret> aead_decrypt(const Secret& key, ByteView iv, ByteView aad, ByteView blob) {
    MUSTER_TRY(auto sealed, sealed_of(blob));
    const auto size = sealed.size() - tag_size;
    MUSTER_TRY(const auto context, start_aead(key, iv, aad, false));
    Bytes plaintext(size + 1);  // never empty: OpenSSL wants a place to write to
    int written = 0;
    int rest = 0;
    const bool ok =
        EVP_CipherUpdate(context.get(), plaintext.data(), &written, sealed.data(), static_cast<int>(size)) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, tag_size, sealed.data() + size) == 1 &&
        EVP_CipherFinal_ex(context.get(), plaintext.data() + written, &rest) == 1;
    if (!ok) {
        wipe(plaintext.data(), plaintext.size());
        return fail(Errc::invalid_argument, "cannot decrypt: the ciphertext was not made with this key, iv and aad");
    }
    plaintext.resize(size);
    return Secret(std::move(plaintext));
}

Result<Bytes> ecdsa_sign(const pki::PrivateKey& key, ByteView digest) {
    MUSTER_TRY(auto* const pkey, expect(key, EVP_PKEY_EC, "EC"));
    const KeyContext context(EVP_PKEY_CTX_new(pkey, nullptr));
    Bytes signature(static_cast<std::size_t>(EVP_PKEY_get_size(pkey)));
    std::size_t size = signature.size();
    const bool ok = context && EVP_PKEY_sign_init(context.get()) == 1 &&
                    EVP_PKEY_sign(context.get(), signature.data(), &size, digest.data(), digest.size()) == 1;
    if (!ok) return fail(Errc::invalid_argument, "cannot sign a digest of {} bytes with this EC key", digest.size());
    signature.resize(size);
    return signature;
}

Result<Bytes> rsa_private(const pki::PrivateKey& key, RsaPadding padding, ByteView input) {
    MUSTER_TRY(auto* const pkey, expect(key, EVP_PKEY_RSA, "RSA"));
    const KeyContext context(EVP_PKEY_CTX_new(pkey, nullptr));
    Bytes output(static_cast<std::size_t>(EVP_PKEY_get_size(pkey)));
    std::size_t size = output.size();
    const int mode = padding == RsaPadding::pkcs1 ? RSA_PKCS1_PADDING : RSA_NO_PADDING;
    const bool ok = context && EVP_PKEY_sign_init(context.get()) == 1 &&
                    EVP_PKEY_CTX_set_rsa_padding(context.get(), mode) == 1 &&
                    EVP_PKEY_sign(context.get(), output.data(), &size, input.data(), input.size()) == 1;
    if (!ok) return fail(Errc::invalid_argument, "cannot apply this RSA key to {} bytes", input.size());
    output.resize(size);
    return output;
}

Result<std::string> key_parameter(const pki::PublicKey& key, std::string_view name) {
    const bool ec = EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_EC;
    if (name == "algorithm") return std::string(ec ? "ECDSA" : "RSA");
    Result<Bytes> value = fail(Errc::invalid_argument, "parameter \"{}\" is not one of {} key", printable(name, 40),
                               ec ? "an ECDSA" : "an RSA");
    if (ec && name == "ec-curve-oid") value = curve_oid(key.get());
    if (ec && name == "ec-point") value = compressed_point(key.get());
    if (!ec && name == "rsa-modulus") value = number_parameter(key.get(), OSSL_PKEY_PARAM_RSA_N);
    if (!ec && name == "rsa-exponent") value = number_parameter(key.get(), OSSL_PKEY_PARAM_RSA_E);
    if (!value) return fail(std::move(value).error());
    return base64_encode(*value);
}

Result<std::vector<pki::KeySpec>> preferred_algorithms(std::string_view list) {
    struct Named {
        std::string_view name;
        std::vector<pki::KeySpec> specs;
    };
    constexpr auto ec = pki::KeyAlgorithm::ec;
    constexpr auto rsa = pki::KeyAlgorithm::rsa;
    static const std::vector<Named> known{{"*", {{ec, 256}, {rsa, 2048}}}, {"ec-p256", {{ec, 256}}},
                                          {"ec-p384", {{ec, 384}}},        {"rsa-2048", {{rsa, 2048}}},
                                          {"rsa-3072", {{rsa, 3072}}},     {"rsa-4096", {{rsa, 4096}}}};
    std::vector<pki::KeySpec> out;
    for (const auto name : split(list.empty() ? "*" : list, ':')) {
        const auto at = std::ranges::find(known, name, &Named::name);
        if (at == known.end())
            return fail(Errc::invalid_argument,
                        "parameter \"preferredAlgorithms\" has an invalid value \"{}\"; known: ec-p256, ec-p384, "
                        "rsa-2048, rsa-3072, rsa-4096, *",
                        printable(name, 40));
        out.insert(out.end(), at->specs.begin(), at->specs.end());
    }
    return out;
}

}  // namespace muster::edge::keyd
