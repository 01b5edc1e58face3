#include "pki/key_strength.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "pki/openssl.h"

namespace muster::pki {

namespace {

constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 8192;

// A long exponent makes one verification cost as much as a private operation; OpenSSL itself bounds it for large
// moduli only.
std::optional<std::string> rsa_exponent_weakness(const EVP_PKEY* key) {
    constexpr int kMaxExponentBits = 64;
    BIGNUM* raw = nullptr;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &raw) != 1) return "has an RSA key without an exponent";
    const std::unique_ptr<BIGNUM, Freer<BN_free>> exponent(raw);
    const int bits = BN_num_bits(exponent.get());
    if (bits <= kMaxExponentBits) return std::nullopt;
    return fmt::format("has an RSA key with an exponent of {} bits; at most {} are taken", bits, kMaxExponentBits);
}

}  // namespace

std::optional<std::string> key_weakness(const EVP_PKEY* key) {
    if (key == nullptr) return "has a public key that cannot be read";
    const int bits = EVP_PKEY_get_bits(key);
    if (EVP_PKEY_is_a(key, "RSA") == 1 || EVP_PKEY_is_a(key, "RSA-PSS") == 1) {
        if (bits < kMinRsaBits) return fmt::format("has an RSA key of {} bits; {} are needed", bits, kMinRsaBits);
        if (bits > kMaxRsaBits)
            return fmt::format("has an RSA key of {} bits; at most {} are taken", bits, kMaxRsaBits);
        return rsa_exponent_weakness(key);
    }
    if (EVP_PKEY_is_a(key, "EC") != 1) return "has a key that is neither RSA nor EC";
    constexpr std::array<std::string_view, 5> kCurves = {"prime256v1", "P-256", "secp384r1", "secp521r1", "secp224r1"};
    std::array<char, 64> curve{};
    std::size_t size = 0;
    if (EVP_PKEY_get_group_name(key, curve.data(), curve.size(), &size) != 1)
        return "has an EC key without a named curve";
    if (std::ranges::find(kCurves, std::string_view(curve.data(), size)) != kCurves.end()) return std::nullopt;
    return fmt::format("has an EC key on the curve {}; P-256, P-384 and P-521 are taken", printable(curve.data(), 40));
}

}  // namespace muster::pki
