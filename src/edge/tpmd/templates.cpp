#include "edge/tpmd/templates.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace muster::edge::tpmd {
namespace {

// PolicySecret(TPM_RH_ENDORSEMENT): whoever knows the hierarchy's password may use the key.
constexpr std::array<std::uint8_t, 32> endorsement_policy{
    0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xB3, 0xF8, 0x1A, 0x90, 0xCC, 0x8D, 0x46, 0xA5, 0xD7, 0x24,
    0xFD, 0x52, 0xD7, 0x6E, 0x06, 0x52, 0x0B, 0x64, 0xF2, 0xA1, 0xDA, 0x1B, 0x33, 0x14, 0x69, 0xAA};

// RSA with 2048 bits that protects its children with AES-128.
TPM2B_PUBLIC storage_key(TPMA_OBJECT more) {
    TPM2B_PUBLIC out{};
    auto& area = out.publicArea;
    area.type = TPM2_ALG_RSA;
    area.nameAlg = TPM2_ALG_SHA256;
    area.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                            TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT | more;
    auto& rsa = area.parameters.rsaDetail;
    rsa.symmetric.algorithm = TPM2_ALG_AES;
    rsa.symmetric.keyBits.aes = 128;
    rsa.symmetric.mode.aes = TPM2_ALG_CFB;
    rsa.scheme.scheme = TPM2_ALG_NULL;
    rsa.keyBits = 2048;
    area.unique.rsa.size = 256;  // zeros
    return out;
}

}  // namespace

TPM2B_PUBLIC endorsement_key_template() {
    auto out = storage_key(TPMA_OBJECT_ADMINWITHPOLICY);
    out.publicArea.authPolicy.size = endorsement_policy.size();
    std::ranges::copy(endorsement_policy, out.publicArea.authPolicy.buffer);
    return out;
}

TPM2B_PUBLIC storage_root_key_template() {
    return storage_key(TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA);
}

}  // namespace muster::edge::tpmd
