#include "edge/certd/est_attributes.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include <array>

#include "base/text.h"

namespace muster::edge::certd {
namespace {

constexpr std::size_t largest = 64 * 1024;
constexpr int most_entries = 64;

struct FreeSequence {
    void operator()(ASN1_SEQUENCE_ANY* sequence) const { sk_ASN1_TYPE_pop_free(sequence, ASN1_TYPE_free); }
};
using Sequence = std::unique_ptr<ASN1_SEQUENCE_ANY, FreeSequence>;

Sequence sequence_of(ByteView der) {
    const auto* next = der.data();
    Sequence sequence(d2i_ASN1_SEQUENCE_ANY(nullptr, &next, static_cast<long>(der.size())));
    if (sequence && next != der.data() + der.size()) sequence.reset();
    return sequence;
}

Sequence set_of(ByteView der) {
    const auto* next = der.data();
    return Sequence(d2i_ASN1_SET_ANY(nullptr, &next, static_cast<long>(der.size())));
}

// The whole encoding of a constructed value.
ByteView encoding_of(const ASN1_TYPE* value) {
    return {ASN1_STRING_get0_data(value->value.asn1_string),
            static_cast<std::size_t>(ASN1_STRING_length(value->value.asn1_string))};
}

std::string name_of(const ASN1_OBJECT* object) {
    std::array<char, 128> text{};
    OBJ_obj2txt(text.data(), text.size(), object, 0);
    return printable(text.data(), 100);
}

void note(const ASN1_OBJECT* object, CsrAttributes& out) {
    switch (OBJ_obj2nid(object)) {
        case NID_pkcs9_challengePassword: out.challenge_password = true; return;
        case NID_X9_62_id_ecPublicKey: out.algorithm = pki::KeyAlgorithm::ec; return;
        case NID_rsaEncryption: out.algorithm = pki::KeyAlgorithm::rsa; return;
        default: out.others.push_back(name_of(object)); return;
    }
}

// The first value of a key's attribute: its curve, or the bits of its modulus.
void note_size(const ASN1_TYPE* value, CsrAttributes& out) {
    if (value->type == V_ASN1_OBJECT) {
        const int curve = OBJ_obj2nid(value->value.object);
        if (curve == NID_X9_62_prime256v1) out.bits = 256;
        if (curve == NID_secp384r1) out.bits = 384;
        if (curve == NID_secp521r1) out.bits = 521;
    }
    std::int64_t bits = 0;
    if (value->type == V_ASN1_INTEGER && ASN1_INTEGER_get_int64(&bits, value->value.integer) == 1 && bits > 0 &&
        bits <= 65536)
        out.bits = static_cast<int>(bits);
}

bool note_attribute(ByteView der, CsrAttributes& out) {
    const auto attribute = sequence_of(der);
    if (sk_ASN1_TYPE_num(attribute.get()) != 2) return false;
    const auto* type = sk_ASN1_TYPE_value(attribute.get(), 0);
    const auto* values = sk_ASN1_TYPE_value(attribute.get(), 1);
    if (type->type != V_ASN1_OBJECT || values->type != V_ASN1_SET) return false;
    note(type->value.object, out);
    const int kind = OBJ_obj2nid(type->value.object);
    if (kind != NID_X9_62_id_ecPublicKey && kind != NID_rsaEncryption) return true;
    const auto set = set_of(encoding_of(values));
    if (sk_ASN1_TYPE_num(set.get()) > 0) note_size(sk_ASN1_TYPE_value(set.get(), 0), out);
    return true;
}

std::string key_text(const CsrAttributes& wanted) {
    auto text = std::string(wanted.algorithm == pki::KeyAlgorithm::ec ? "an EC key" : "an RSA key");
    if (wanted.bits) text += fmt::format(" of {} bits", *wanted.bits);
    return text;
}

}  // namespace

Result<CsrAttributes> read_csr_attributes(std::string_view body) {
    const auto der = body.size() > 2 * largest ? std::nullopt : base64_decode(body, true);
    if (!der) return fail(Errc::conflict, "the answer to csrattrs is not base64");
    CsrAttributes out;
    if (der->empty()) return out;
    ERR_set_mark();
    const auto entries = sequence_of(*der);
    bool good = entries != nullptr && sk_ASN1_TYPE_num(entries.get()) <= most_entries;
    for (int i = 0; good && i < sk_ASN1_TYPE_num(entries.get()); ++i) {
        const auto* entry = sk_ASN1_TYPE_value(entries.get(), i);
        if (entry->type == V_ASN1_OBJECT)
            note(entry->value.object, out);
        else
            good = entry->type == V_ASN1_SEQUENCE && note_attribute(encoding_of(entry), out);
    }
    ERR_pop_to_mark();
    if (!good) return fail(Errc::conflict, "the answer to csrattrs is not a CsrAttrs structure");
    return out;
}

std::string lacking(const CsrAttributes& wanted, const pki::Csr& request) {
    std::vector<std::string> missing;
    const auto key = request.public_key();
    if (wanted.algorithm && key) {
        const auto spec = key->spec();
        if (spec.algorithm != *wanted.algorithm || (wanted.bits && spec.bits != *wanted.bits))
            missing.push_back(key_text(wanted));
    }
    if (wanted.challenge_password && X509_REQ_get_attr_by_NID(request.get(), NID_pkcs9_challengePassword, -1) < 0)
        missing.emplace_back("a challenge password");
    return join(missing, " and ");
}

std::optional<std::string> preferred_key(const CsrAttributes& wanted) {
    if (!wanted.algorithm) return std::nullopt;
    if (*wanted.algorithm == pki::KeyAlgorithm::ec) return "ec-p256";
    return wanted.bits && *wanted.bits > 2048 ? "rsa-4096" : "rsa-2048";
}

}  // namespace muster::edge::certd
