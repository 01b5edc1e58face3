#include "authority/csr_attributes.h"

namespace muster::authority {
namespace {

constexpr std::uint8_t kSequence = 0x30;
constexpr std::uint8_t kSet = 0x31;

// Contents as short as these have a length of one octet.
Bytes wrap(std::uint8_t tag, const Bytes& content) {
    Bytes out{tag, static_cast<std::uint8_t>(content.size())};
    out.insert(out.end(), content.begin(), content.end());
    return out;
}

Bytes join(Bytes first, const Bytes& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

}  // namespace

Bytes csr_attributes(const pki::KeySpec& key) {
    const Bytes ec_public_key{0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
    const Bytes prime256v1{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    const Bytes secp384r1{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
    const Bytes rsa_encryption{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
    const auto attribute = [](const Bytes& type, const Bytes& value) {
        return wrap(kSequence, wrap(kSequence, join(type, wrap(kSet, value))));
    };
    if (key.algorithm == pki::KeyAlgorithm::ec)
        return attribute(ec_public_key, key.bits == 384 ? secp384r1 : prime256v1);
    // An INTEGER of two octets: the sizes that KeySpec knows have no sign bit to hide.
    const auto bits = static_cast<unsigned>(key.bits);
    return attribute(rsa_encryption,
                     {0x02, 0x02, static_cast<std::uint8_t>(bits >> 8), static_cast<std::uint8_t>(bits & 0xFF)});
}

}  // namespace muster::authority
