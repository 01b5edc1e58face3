// Public areas of TPM keys as a TPM gives them, around keys that these tests hold: what a TPM would open, they open.
#pragma once

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <memory>

#include "wire/tpm/buffer.h"
#include "wire/tpm/structures.h"

namespace muster::wire::tpm::test {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

inline constexpr std::uint32_t endorsement_attributes = 0x000300B2;  // TCG EK Credential Profile, template L-1
inline constexpr std::uint32_t storage_attributes = 0x00030472;      // TPM Provisioning Guidance

inline Bytes number_of(EVP_PKEY* key, const char* name, int size) {
    BIGNUM* number = nullptr;
    EVP_PKEY_get_bn_param(key, name, &number);
    Bytes out(static_cast<std::size_t>(size));
    BN_bn2binpad(number, out.data(), size);
    BN_free(number);
    return out;
}

struct Shape {
    std::uint16_t type = algorithm::rsa;
    std::uint16_t hash = algorithm::sha256;
    std::uint32_t attributes = endorsement_attributes;
    std::uint16_t symmetric = algorithm::aes;
    std::uint16_t symmetric_bits = 128;
    std::uint16_t scheme = algorithm::null;
    std::uint16_t bits = 2048;  // of RSA
    std::uint16_t curve = 3;    // P-256; 4 is P-384
    std::uint32_t exponent = 0;
    std::size_t policy = 32;
};

inline Bytes area_of(const Shape& shape, EVP_PKEY* key) {
    Writer out;
    out.u16(shape.type).u16(shape.hash).u32(shape.attributes).sized(Bytes(shape.policy, 7));
    out.u16(shape.symmetric).u16(shape.symmetric_bits).u16(algorithm::cfb).u16(shape.scheme);
    if (shape.type == algorithm::rsa) {
        out.u16(shape.bits).u32(shape.exponent).sized(number_of(key, OSSL_PKEY_PARAM_RSA_N, shape.bits / 8));
    } else {
        const int field = shape.curve == 3 ? 32 : 48;
        out.u16(shape.curve).u16(algorithm::null);
        out.sized(number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, field))
            .sized(number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, field));
    }
    return out.take();
}

inline Bytes public_of(const Shape& shape, EVP_PKEY* key) {
    return Writer().sized(area_of(shape, key)).take();
}

inline Key ec_public_key(ByteView x, ByteView y) {
    Bytes point{4};  // uncompressed
    point.insert(point.end(), x.begin(), x.end());
    point.insert(point.end(), y.begin(), y.end());
    char curve[] = "P-256", larger[] = "P-384", uncompressed[] = "uncompressed";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, x.size() == 32 ? curve : larger, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, uncompressed, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
        OSSL_PARAM_construct_end()};
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
        EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr), EVP_PKEY_CTX_free);
    EVP_PKEY* key = nullptr;
    EVP_PKEY_fromdata_init(context.get());
    EXPECT_EQ(EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters), 1);
    return {key, EVP_PKEY_free};
}

inline Key rsa_key(unsigned bits = 2048) {
    return {EVP_RSA_gen(bits), EVP_PKEY_free};
}
inline Key ec_key(const char* curve = "P-256") {
    return {EVP_EC_gen(curve), EVP_PKEY_free};
}

}  // namespace muster::wire::tpm::test
