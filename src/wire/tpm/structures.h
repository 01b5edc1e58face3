// A TPM's storage keys as they stand on the wire: TPM2B_PUBLIC (TPM 2.0 Library, Part 2, 12.2.5) of an endorsement key
// (EK) or a storage root key (SRK).
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace muster::wire::tpm {

// TPM_ALG_ID (Part 2, 6.3)
namespace algorithm {
inline constexpr std::uint16_t rsa = 0x0001;
inline constexpr std::uint16_t hmac = 0x0005;
inline constexpr std::uint16_t aes = 0x0006;
inline constexpr std::uint16_t keyed_hash = 0x0008;
inline constexpr std::uint16_t sha256 = 0x000B;
inline constexpr std::uint16_t sha384 = 0x000C;
inline constexpr std::uint16_t null = 0x0010;
inline constexpr std::uint16_t ecc = 0x0023;
inline constexpr std::uint16_t cfb = 0x0043;
}  // namespace algorithm

// TPMA_OBJECT (Part 2, 8.3)
namespace attribute {
inline constexpr std::uint32_t fixed_tpm = 1U << 1;
inline constexpr std::uint32_t fixed_parent = 1U << 4;
inline constexpr std::uint32_t user_with_auth = 1U << 6;
inline constexpr std::uint32_t no_da = 1U << 10;
inline constexpr std::uint32_t restricted = 1U << 16;
inline constexpr std::uint32_t decrypt = 1U << 17;
inline constexpr std::uint32_t sign = 1U << 18;
}  // namespace attribute

// The largest TPM2B_PUBLIC that is looked at: RSA with 4096 bits takes less.
inline constexpr std::size_t max_public = 1024;

// A key that lives in one TPM and that others can be wrapped for: restricted, decrypting, fixed to its TPM.
class StorageKey {
public:
    // TPM2B_PUBLIC, with nothing behind it: RSA (2048, 3072, 4096 bits) or ECC (P-256, P-384), named by SHA-256 or
    // SHA-384, protecting with AES-CFB. Errc::invalid_argument says what it is not.
    static Result<StorageKey> parse(ByteView tpm2b_public);
    // The same in base64, as the DPS API has it.
    static Result<StorageKey> from_base64(std::string_view text);

    const Bytes& tpm2b() const { return tpm2b_; }
    // nameAlg and the digest of the public area (Part 1, 16): what the TPM knows the key by.
    const Bytes& name() const { return name_; }
    std::uint16_t name_algorithm() const { return name_algorithm_; }
    int symmetric_bits() const { return symmetric_bits_; }
    std::uint16_t type() const { return type_; }  // algorithm::rsa or algorithm::ecc
    // Of ECC: the point's coordinates, each as long as the field.
    const Bytes& x() const { return x_; }
    const Bytes& y() const { return y_; }
    EVP_PKEY* rsa() const { return rsa_.get(); }

private:
    struct Parser;
    StorageKey() = default;

    Bytes tpm2b_;
    Bytes name_;
    std::uint16_t name_algorithm_ = 0;
    int symmetric_bits_ = 0;
    std::uint16_t type_ = 0;
    Bytes x_, y_;
    std::shared_ptr<EVP_PKEY> rsa_;
};

}  // namespace muster::wire::tpm
