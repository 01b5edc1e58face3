#include "wire/tpm/structures.h"

#include "wire/tpm/buffer.h"
#include "wire/tpm/crypto.h"

namespace muster::wire::tpm {
namespace {

constexpr std::uint16_t curve_p256 = 0x0003;
constexpr std::uint16_t curve_p384 = 0x0004;
constexpr std::uint32_t usual_exponent = 65537;

std::unexpected<Error> bad(std::string_view why) {
    return fail(Errc::invalid_argument, "{}", why);
}

// What makes it a key that nothing but this TPM can use, and only to unwrap what was made for it.
Result<> check_attributes(std::uint32_t attributes) {
    constexpr auto needed = attribute::fixed_tpm | attribute::fixed_parent | attribute::restricted | attribute::decrypt;
    if ((attributes & needed) != needed || (attributes & attribute::sign) != 0)
        return fail(Errc::invalid_argument,
                    "its attributes ({:#010x}) are not those of an endorsement or storage root key: fixedTPM, "
                    "fixedParent, restricted, decrypt, not sign",
                    attributes);
    return {};
}

Bytes padded(ByteView number, std::size_t size) {
    Bytes out(size - number.size());
    out.insert(out.end(), number.begin(), number.end());
    return out;
}

}  // namespace

struct StorageKey::Parser {
    Reader reader;
    StorageKey out;

    // TPMT_SYM_DEF_OBJECT
    Result<> symmetric() {
        MUSTER_TRY(const auto kind, reader.u16("its symmetric algorithm"));
        if (kind != algorithm::aes) return bad("it does not protect its children with AES");
        MUSTER_TRY(const auto bits, reader.u16("its symmetric key size"));
        MUSTER_TRY(const auto mode, reader.u16("its symmetric mode"));
        if ((bits != 128 && bits != 256) || mode != algorithm::cfb)
            return bad("it does not protect its children with AES-128 or AES-256 in CFB mode");
        out.symmetric_bits_ = bits;
        return {};
    }

    Result<> no_scheme(std::string_view what) {
        MUSTER_TRY(const auto scheme, reader.u16(what));
        if (scheme != algorithm::null) return bad("it has a scheme, which a storage key has not");
        return {};
    }

    Result<> rsa() {
        MUSTER_TRY(const auto bits, reader.u16("its RSA key size"));
        if (bits != 2048 && bits != 3072 && bits != 4096) return bad("its RSA key has not 2048, 3072 or 4096 bits");
        MUSTER_TRY(const auto exponent, reader.u32("its RSA exponent"));
        if (exponent != 0 && exponent != usual_exponent) return bad("its RSA exponent is not 65537");
        MUSTER_TRY(const auto modulus, reader.sized("its RSA modulus"));
        if (modulus.size() != bits / 8U || (modulus.front() & 0x80) == 0 || (modulus.back() & 1) == 0)
            return bad("its RSA modulus is no odd number of the size that it says");
        MUSTER_TRY(out.rsa_, rsa_public_key(modulus, usual_exponent));
        return {};
    }

    Result<> ecc() {
        MUSTER_TRY(const auto curve, reader.u16("its curve"));
        if (curve != curve_p256 && curve != curve_p384) return bad("its curve is not P-256 or P-384");
        MUSTER_CHECK(no_scheme("its key derivation scheme"));
        MUSTER_TRY(const auto x, reader.sized("its point"));
        MUSTER_TRY(const auto y, reader.sized("its point"));
        const std::size_t field = curve == curve_p256 ? 32 : 48;
        if (x.size() > field || y.size() > field) return bad("its point is larger than its curve");
        out.x_ = padded(x, field);
        out.y_ = padded(y, field);
        if (!is_on_curve(out.x_, out.y_)) return bad("its point is not on its curve");
        return {};
    }

    // TPMT_PUBLIC
    Result<> area(ByteView bytes) {
        MUSTER_TRY(out.type_, reader.u16("its type"));
        if (out.type_ != algorithm::rsa && out.type_ != algorithm::ecc) return bad("it is no RSA and no ECC key");
        MUSTER_TRY(out.name_algorithm_, reader.u16("its name algorithm"));
        if (out.name_algorithm_ != algorithm::sha256 && out.name_algorithm_ != algorithm::sha384)
            return bad("it is not named by SHA-256 or SHA-384");
        MUSTER_TRY(const auto attributes, reader.u32("its attributes"));
        MUSTER_CHECK(check_attributes(attributes));
        MUSTER_TRY(const auto policy, reader.sized("its policy"));
        if (!policy.empty() && policy.size() != digest_size(out.name_algorithm_))
            return bad("its policy is no digest of its name algorithm");
        MUSTER_CHECK(symmetric());
        MUSTER_CHECK(no_scheme("its scheme"));
        if (out.type_ == algorithm::rsa) {
            MUSTER_CHECK(rsa());
        } else {
            MUSTER_CHECK(ecc());
        }
        if (!reader.rest().empty()) return bad("there is more behind the key");
        out.name_ = name_of(out.name_algorithm_, bytes);
        return {};
    }
};

Result<StorageKey> StorageKey::parse(ByteView tpm2b_public) {
    if (tpm2b_public.size() > max_public) return bad("it is too long for a TPM2B_PUBLIC");
    Reader whole(tpm2b_public);
    MUSTER_TRY(const auto area, whole.sized("the public area"));
    if (!whole.rest().empty()) return bad("there is more behind the public area");
    Parser parser{Reader(area), StorageKey()};
    MUSTER_CHECK(parser.area(area));
    parser.out.tpm2b_.assign(tpm2b_public.begin(), tpm2b_public.end());
    return std::move(parser.out);
}

Result<StorageKey> StorageKey::from_base64(std::string_view text) {
    if (text.size() > 2 * max_public) return bad("it is too long for a TPM2B_PUBLIC");
    const auto bytes = base64_decode(text);
    if (!bytes) return bad("it is not base64");
    return parse(*bytes);
}

}  // namespace muster::wire::tpm
