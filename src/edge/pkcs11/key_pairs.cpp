// Key pairs in a token.
#include <array>

#include "edge/pkcs11/der.h"
#include "edge/pkcs11/sessions.h"
#include "edge/pkcs11/token.h"
#include "pki/certificate.h"

namespace muster::edge::pkcs11 {
namespace {

constexpr std::size_t id_size = 16;
constexpr std::size_t pkcs1_overhead = 11;  // RFC 8017 9.2

// The named curves, as CKA_EC_PARAMS has them: their object identifiers in DER.
constexpr std::array<std::uint8_t, 10> p256{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr std::array<std::uint8_t, 7> p384{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
constexpr std::array<std::uint8_t, 3> exponent_f4{0x01, 0x00, 0x01};

std::unexpected<Error> no_such_pair(const KeyName& name) {
    return fail(Errc::not_found, "the token has no private key with the {}", text_of(name));
}

Result<Object> private_half(const Session& session, const KeyName& name) {
    MUSTER_TRY(const auto found, session.find_one(CKO_PRIVATE_KEY, name));
    if (!found) return no_such_pair(name);
    return *found;
}

// What else belongs to a private key has its id; its label only where there is no id.
KeyName partner_of(const KeyName& name, const std::optional<Bytes>& id) {
    if (id && !id->empty()) return {std::nullopt, id};
    return name;
}

// From the certificate that lies beside the key: on tokens that keep no public object.
Result<std::optional<pki::PublicKey>> from_certificate(const Session& session, const KeyName& partner) {
    MUSTER_TRY(const auto found, session.find(CKO_CERTIFICATE, partner));
    for (const auto object : found) {
        MUSTER_TRY(const auto der, session.attribute(object, CKA_VALUE));
        if (!der) continue;
        const auto certificate = pki::Certificate::from_der(*der);
        if (!certificate) continue;
        MUSTER_TRY(auto key, certificate->public_key());
        return key;
    }
    return std::nullopt;
}

Result<std::optional<pki::PublicKey>> rsa_from(const Session& session, Object object) {
    MUSTER_TRY(const auto modulus, session.attribute(object, CKA_MODULUS));
    MUSTER_TRY(const auto exponent, session.attribute(object, CKA_PUBLIC_EXPONENT));
    if (!modulus || !exponent || modulus->empty() || exponent->empty()) return std::nullopt;
    MUSTER_TRY(auto key, pki::PublicKey::from_spki_der(der::rsa_public_key(*modulus, *exponent)));
    return key;
}

Result<std::optional<pki::PublicKey>> ec_from(const Session& session, Object object) {
    MUSTER_TRY(const auto parameters, session.attribute(object, CKA_EC_PARAMS));
    MUSTER_TRY(const auto point, session.attribute(object, CKA_EC_POINT));
    if (!parameters || !point || point->empty()) return std::nullopt;
    if (auto key = pki::PublicKey::from_spki_der(der::ec_public_key(*parameters, der::octet_string_content(*point))))
        return std::move(*key);
    MUSTER_TRY(auto key, pki::PublicKey::from_spki_der(der::ec_public_key(*parameters, *point)));
    return key;
}

Result<std::optional<pki::PublicKey>> public_from(const Session& session, CK_ULONG type, Object object) {
    if (type == CKK_RSA) return rsa_from(session, object);
    if (type == CKK_EC) return ec_from(session, object);
    return fail(Errc::unsupported, "the token's key is neither RSA nor EC (CKA_KEY_TYPE 0x{:x})", type);
}

Result<std::optional<pki::PublicKey>> public_half(const Session& session, const KeyName& name) {
    MUSTER_TRY(const auto key, session.find_one(CKO_PRIVATE_KEY, name));
    if (!key) return std::nullopt;
    MUSTER_TRY(const auto type, session.number(*key, CKA_KEY_TYPE));
    MUSTER_TRY(const auto id, session.attribute(*key, CKA_ID));
    const auto partner = partner_of(name, id);
    MUSTER_TRY(const auto partners, session.find(CKO_PUBLIC_KEY, partner));
    for (const auto object : partners) {
        MUSTER_TRY(const auto partner_type, session.number(object, CKA_KEY_TYPE));
        if (partner_type != type) continue;
        MUSTER_TRY(auto half, public_from(session, type, object));
        if (half) return half;
    }
    // RSA keys have their public numbers in the private object too.
    MUSTER_TRY(auto half, public_from(session, type, *key));
    if (!half) {
        MUSTER_TRY(half, from_certificate(session, partner));
    }
    if (half) return half;
    return fail(Error(Errc::unsupported, fmt::format("the token has the private key with the {} but neither its public "
                                                     "key nor a certificate with the same id",
                                                     text_of(name)))
                    .with_hint("write the public key to the token: pkcs11-tool --module LIBRARY --login --write-object "
                               "PUBLIC.der --type pubkey --id ID"));
}

void describe_private(Template& half, const std::string& label, const Bytes& id) {
    half.boolean(CKA_TOKEN, true)
        .boolean(CKA_PRIVATE, true)
        .boolean(CKA_SENSITIVE, true)
        .boolean(CKA_EXTRACTABLE, false);
    half.boolean(CKA_SIGN, true).text(CKA_LABEL, label).bytes(CKA_ID, id);
}

void describe_public(Template& half, const std::string& label, const Bytes& id) {
    half.boolean(CKA_TOKEN, true).boolean(CKA_PRIVATE, false).boolean(CKA_VERIFY, true);
    half.text(CKA_LABEL, label).bytes(CKA_ID, id);
}

Result<> remove_pairs(const Session& session, const KeyName& name, const std::optional<Bytes>& but_id) {
    // The public half first: while the private one is there, another try finds what is left.
    MUSTER_TRY(const auto keys, session.find(CKO_PRIVATE_KEY, name));
    for (const auto key : keys) {
        MUSTER_TRY(const auto id, session.attribute(key, CKA_ID));
        if (but_id && id == but_id) continue;
        MUSTER_TRY(const auto partners, session.find(CKO_PUBLIC_KEY, partner_of(name, id)));
        for (const auto partner : partners) {
            MUSTER_TRY(const auto partner_id, session.attribute(partner, CKA_ID));
            if (but_id && partner_id == but_id) continue;
            MUSTER_CHECK(session.destroy(partner));
        }
        MUSTER_CHECK(session.destroy(key));
    }
    return {};
}

}  // namespace

Result<std::optional<pki::PublicKey>> Token::find_pair(const KeyName& name) {
    return sessions_->search([&](const Session& session) { return public_half(session, name); });
}

Result<Bytes> Token::sign_ecdsa(const KeyName& name, ByteView digest) {
    MUSTER_TRY(const auto half, find_pair(name));
    if (!half) return no_such_pair(name);
    const auto spec = half->spec();
    if (spec.algorithm != pki::KeyAlgorithm::ec) return fail(Errc::invalid_argument, "the key pair is not an EC key");
    // FIPS 186-4 6.4: the leftmost bits; not every token does it itself. The curves' sizes are whole bytes.
    const auto size = std::min(digest.size(), static_cast<std::size_t>(spec.bits) / 8);
    return sessions_->use([&](const Session& session) -> Result<Bytes> {
        MUSTER_TRY(const auto key, private_half(session, name));
        MUSTER_TRY(const auto raw, session.sign(CKM_ECDSA, key, digest.first(size)));
        return der::ecdsa_signature(raw);
    });
}

Result<Bytes> Token::rsa_private(const KeyName& name, RsaPadding padding, ByteView input) {
    MUSTER_TRY(const auto half, find_pair(name));
    if (!half) return no_such_pair(name);
    const auto spec = half->spec();
    if (spec.algorithm != pki::KeyAlgorithm::rsa) return fail(Errc::invalid_argument, "the key pair is not an RSA key");
    // Judged here: SoftHSM 2.6 ends the whole process when a block is too long.
    const auto modulus = static_cast<std::size_t>(spec.bits + 7) / 8;
    const bool fits = padding == RsaPadding::pkcs1 ? input.size() + pkcs1_overhead <= modulus : input.size() == modulus;
    if (!fits) return fail(Errc::invalid_argument, "cannot apply this RSA key to {} bytes", input.size());
    const auto mechanism = padding == RsaPadding::pkcs1 ? CKM_RSA_PKCS : CKM_RSA_X_509;
    return sessions_->use([&](const Session& session) -> Result<Bytes> {
        MUSTER_TRY(const auto key, private_half(session, name));
        return session.sign(mechanism, key, input);
    });
}

Result<> Token::generate_pair(const std::string& label, const pki::KeySpec& spec, Random& random) {
    const auto id = random.bytes(id_size);
    Template public_part, private_part;
    describe_public(public_part, label, id);
    describe_private(private_part, label, id);
    const bool ec = spec.algorithm == pki::KeyAlgorithm::ec;
    if (ec) {
        public_part.bytes(CKA_EC_PARAMS, spec.bits == 384 ? ByteView(p384) : ByteView(p256));
    } else {
        public_part.number(CKA_MODULUS_BITS, static_cast<CK_ULONG>(spec.bits)).bytes(CKA_PUBLIC_EXPONENT, exponent_f4);
    }
    const auto mechanism = ec ? CKM_EC_KEY_PAIR_GEN : CKM_RSA_PKCS_KEY_PAIR_GEN;
    return sessions_->use_once([&](const Session& session) -> Result<> {
        if (!session.supports(mechanism, CKF_GENERATE_KEY_PAIR))
            return fail(Errc::unsupported, "the token cannot make a {} key", spec.text());
        return session.generate_pair(mechanism, public_part, private_part);
    });
}

Result<> Token::remove_pair(const std::string& label) {
    return sessions_->use(
        [&](const Session& session) { return remove_pairs(session, KeyName::labelled(label), std::nullopt); });
}

Result<Bytes> Token::id_of_pair(const std::string& label) {
    const auto name = KeyName::labelled(label);
    return sessions_->use([&](const Session& session) -> Result<Bytes> {
        MUSTER_TRY(const auto key, private_half(session, name));
        MUSTER_TRY(auto id, session.attribute(key, CKA_ID));
        if (!id || id->empty())
            return fail(Errc::unsupported, "the token's key with the {} has no id (CKA_ID)", text_of(name));
        return std::move(*id);
    });
}

Result<bool> Token::can_rename(const std::string& label) {
    const auto name = KeyName::labelled(label);
    return sessions_->use([&](const Session& session) -> Result<bool> {
        MUSTER_TRY(const auto key, private_half(session, name));
        Template attributes;
        attributes.text(CKA_LABEL, label);
        const auto done = session.set(key, attributes);
        if (done) return true;
        if (forbids_change(done.error())) return false;
        return fail(done.error());
    });
}

Result<> Token::take_over_label(const Bytes& id, const std::string& label) {
    const KeyName taker{std::nullopt, id};
    return sessions_->use([&](const Session& session) -> Result<> {
        MUSTER_TRY(const auto key, private_half(session, taker));
        MUSTER_TRY(const auto partners, session.find(CKO_PUBLIC_KEY, taker));
        for (const auto object : partners) {
            Template attributes;
            attributes.text(CKA_LABEL, label);
            MUSTER_CHECK(session.set(object, attributes));
        }
        Template attributes;
        attributes.text(CKA_LABEL, label);
        MUSTER_CHECK(session.set(key, attributes));
        return remove_pairs(session, KeyName::labelled(label), id);
    });
}

}  // namespace muster::edge::pkcs11
