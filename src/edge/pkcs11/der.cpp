#include "edge/pkcs11/der.h"

#include <algorithm>
#include <array>

namespace muster::edge::pkcs11::der {
namespace {

constexpr std::uint8_t tag_integer = 0x02;
constexpr std::uint8_t tag_bit_string = 0x03;
constexpr std::uint8_t tag_octet_string = 0x04;
constexpr std::uint8_t tag_sequence = 0x30;

// 1.2.840.10045.2.1 and 1.2.840.113549.1.1.1, encoded; NULL.
constexpr std::array<std::uint8_t, 9> id_ec_public_key{0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
constexpr std::array<std::uint8_t, 11> id_rsa_encryption{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                                         0xf7, 0x0d, 0x01, 0x01, 0x01};
constexpr std::array<std::uint8_t, 2> null{0x05, 0x00};

void append_length(Bytes& out, std::size_t length) {
    if (length < 0x80) return out.push_back(static_cast<std::uint8_t>(length));
    Bytes digits;
    for (; length > 0; length >>= 8) digits.push_back(static_cast<std::uint8_t>(length & 0xff));
    out.push_back(static_cast<std::uint8_t>(0x80 | digits.size()));
    out.insert(out.end(), digits.rbegin(), digits.rend());
}

Bytes element(std::uint8_t tag, ByteView content) {
    Bytes out{tag};
    append_length(out, content.size());
    out.insert(out.end(), content.begin(), content.end());
    return out;
}

}  // namespace

Bytes sequence(std::initializer_list<ByteView> parts) {
    Bytes content;
    for (const auto part : parts) content.insert(content.end(), part.begin(), part.end());
    return element(tag_sequence, content);
}

Bytes integer(ByteView big_endian) {
    while (big_endian.size() > 1 && big_endian.front() == 0) big_endian = big_endian.subspan(1);
    Bytes content;
    if (big_endian.empty() || (big_endian.front() & 0x80) != 0) content.push_back(0);
    content.insert(content.end(), big_endian.begin(), big_endian.end());
    return element(tag_integer, content);
}

Bytes bit_string(ByteView bytes) {
    Bytes content{0};  // no unused bits
    content.insert(content.end(), bytes.begin(), bytes.end());
    return element(tag_bit_string, content);
}

ByteView octet_string_content(ByteView der) {
    if (der.size() < 2 || der[0] != tag_octet_string) return der;
    std::size_t length = der[1];
    std::size_t header = 2;
    if (length == 0x81 && der.size() > 2) {
        length = der[2];
        header = 3;
    }
    // An uncompressed point begins with the same byte; its second byte does not fit as a length but by chance, and then
    // the content would have no point's form.
    const bool fits = length < 0x100 && header + length == der.size();
    const bool holds_point = fits && length > 0 && (der[header] == 2 || der[header] == 3 || der[header] == 4);
    return holds_point ? der.subspan(header) : der;
}

Bytes ec_public_key(ByteView parameters, ByteView point) {
    const auto algorithm = sequence({id_ec_public_key, parameters});
    return sequence({algorithm, bit_string(point)});
}

Bytes rsa_public_key(ByteView modulus, ByteView exponent) {
    const auto algorithm = sequence({id_rsa_encryption, null});
    const auto numbers = sequence({integer(modulus), integer(exponent)});
    return sequence({algorithm, bit_string(numbers)});
}

Result<Bytes> ecdsa_signature(ByteView r_and_s) {
    if (r_and_s.empty() || r_and_s.size() % 2 != 0)
        return fail(Errc::internal, "the token gave an ECDSA signature of {} bytes", r_and_s.size());
    const auto half = r_and_s.size() / 2;
    return sequence({integer(r_and_s.first(half)), integer(r_and_s.subspan(half))});
}

}  // namespace muster::edge::pkcs11::der
