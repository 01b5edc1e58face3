// What a TPM does with what is wrapped for it, done with the private keys.
#pragma once

#include <optional>

#include "support/tpm_keys.h"
#include "wire/tpm/activation.h"
#include "wire/tpm/crypto.h"

namespace muster::wire::tpm::test {

// AES-CFB, the other way.
inline Bytes decrypt_cfb(ByteView key, ByteView encrypted) {
    const std::uint8_t no_vector[16] = {};
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                  EVP_CIPHER_CTX_free);
    Bytes out(encrypted.size());
    int size = 0;
    EVP_DecryptInit_ex(context.get(), key.size() == 32 ? EVP_aes_256_cfb128() : EVP_aes_128_cfb128(), nullptr,
                       key.data(), no_vector);
    EVP_DecryptUpdate(context.get(), out.data(), &size, encrypted.data(), static_cast<int>(encrypted.size()));
    return out;
}

// A TPM's side of one of its keys.
struct Holder {
    Key key;
    StorageKey shown;

    static Holder rsa(std::uint32_t attributes) {
        auto key = rsa_key();
        auto shown = StorageKey::parse(public_of({.attributes = attributes}, key.get()));
        return {std::move(key), std::move(*shown)};
    }
    static Holder ecc(std::uint32_t attributes, bool large) {
        auto key = ec_key(large ? "P-384" : "P-256");
        Shape shape{.type = algorithm::ecc, .attributes = attributes};
        if (large)
            shape = {.type = algorithm::ecc,
                     .hash = algorithm::sha384,
                     .attributes = attributes,
                     .symmetric_bits = 256,
                     .curve = 4,
                     .policy = 48};
        auto shown = StorageKey::parse(public_of(shape, key.get()));
        return {std::move(key), std::move(*shown)};
    }

    Bytes seed(ByteView encrypted, std::string_view label) const {
        return shown.type() == algorithm::rsa ? seed_by_rsa(encrypted, label) : seed_by_ecdh(encrypted, label);
    }

    Bytes seed_by_rsa(ByteView encrypted, std::string_view label) const {
        const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
            EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr), EVP_PKEY_CTX_free);
        EVP_PKEY_decrypt_init(context.get());
        EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING);
        EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256());
        const std::string with_zero = std::string(label) + '\0';
        EVP_PKEY_CTX_set0_rsa_oaep_label(context.get(), OPENSSL_memdup(with_zero.data(), with_zero.size()),
                                         static_cast<int>(with_zero.size()));
        Bytes out(512);
        std::size_t size = out.size();
        EXPECT_EQ(EVP_PKEY_decrypt(context.get(), out.data(), &size, encrypted.data(), encrypted.size()), 1);
        out.resize(size);
        return out;
    }

    Bytes seed_by_ecdh(ByteView encrypted, std::string_view label) const {
        Reader reader(encrypted);
        const auto x = reader.sized("x").value(), y = reader.sized("y").value();
        EXPECT_TRUE(reader.rest().empty());
        const auto peer = ec_public_key(x, y);
        const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
            EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr), EVP_PKEY_CTX_free);
        EVP_PKEY_derive_init(context.get());
        EVP_PKEY_derive_set_peer(context.get(), peer.get());
        Bytes z(x.size());
        std::size_t size = z.size();
        EXPECT_EQ(EVP_PKEY_derive(context.get(), z.data(), &size), 1);
        const auto hash = shown.name_algorithm();
        const auto out = kdfe(hash, z, label, x, shown.x(), static_cast<int>(digest_size(hash) * 8));
        return {out.bytes().begin(), out.bytes().end()};
    }

    // Checks the digest and gives what was protected; nothing when the digest is wrong.
    std::optional<Bytes> open(ByteView protected_bytes, ByteView seed, ByteView name) const {
        const auto hash = shown.name_algorithm();
        Reader reader(protected_bytes);
        const auto mac = reader.sized("digest").value();
        const auto encrypted = reader.rest();
        const auto mac_key = kdfa(hash, seed, "INTEGRITY", {}, static_cast<int>(digest_size(hash) * 8));
        if (!equal_constant_time(hmac(hash, mac_key.bytes(), encrypted, name).bytes(), mac)) return std::nullopt;
        return decrypt_cfb(kdfa(hash, seed, "STORAGE", name, shown.symmetric_bits()).bytes(), encrypted);
    }
};

inline ByteView content(ByteView sized) {
    return sized.subspan(2);
}

// TPM2_ActivateCredential, TPM2_Import and TPM2_Load: the key that would be in the TPM.
inline Bytes take_in(const Holder& endorsement, const Holder& storage, ByteView bytes) {
    const auto blob = ActivationBlob::split(bytes);
    EXPECT_TRUE(blob);
    const auto credential = endorsement.open(
        content(blob->id_object), endorsement.seed(content(blob->encrypted_secret), "IDENTITY"), storage.shown.name());
    EXPECT_TRUE(credential);
    const auto inner_key = content(*credential);
    EXPECT_EQ(inner_key.size(), 16U);

    const auto object_name = name_of(algorithm::sha256, content(blob->public_area));
    const auto inner =
        storage.open(content(blob->duplicate), storage.seed(content(blob->seed), "DUPLICATE"), object_name);
    EXPECT_TRUE(inner);
    const auto plain = decrypt_cfb(inner_key, *inner);
    Reader reader(plain);
    const auto integrity = reader.sized("integrity").value();
    const auto sensitive = reader.rest();
    EXPECT_EQ(digest(algorithm::sha256, Writer().raw(sensitive).raw(object_name).take()),
              Bytes(integrity.begin(), integrity.end()));

    Reader inside(content(sensitive));
    EXPECT_EQ(inside.u16("type").value(), algorithm::keyed_hash);
    EXPECT_TRUE(inside.sized("authorization").value().empty());
    const auto obfuscation = inside.sized("seed").value();
    const auto key = inside.sized("key").value();
    // The public digest binds the private part (Part 2, 12.3.2.3 and 12.2.3.2).
    const auto unique = digest(algorithm::sha256, Writer().raw(obfuscation).raw(key).take());
    const auto area = content(blob->public_area);
    EXPECT_EQ(Bytes(area.end() - 32, area.end()), unique);
    return {key.begin(), key.end()};
}

}  // namespace muster::wire::tpm::test
