#include "edge/certd/issuance.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/owner.h"

namespace muster::edge::certd {
namespace {

constexpr auto clock_skew = std::chrono::minutes(5);

using NewCertificate = std::unique_ptr<X509, Freer<X509_free>>;
using NewExtension = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;
using NewName = std::unique_ptr<X509_NAME, Freer<X509_NAME_free>>;
using Number = std::unique_ptr<BIGNUM, Freer<BN_free>>;

struct FreeExtensions {
    void operator()(STACK_OF(X509_EXTENSION) * list) const { sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free); }
};

std::unexpected<Error> cannot(std::string_view what) {
    const auto* reason = ERR_reason_error_string(ERR_peek_last_error());
    auto error = fail(Errc::internal, "cannot {} the certificate: {}", what,
                      reason != nullptr ? reason : "OpenSSL gave no reason");
    ERR_clear_error();
    return error;
}

Result<> check_signer(const pki::Csr& csr, const Signer& signer) {
    MUSTER_TRY(const auto signing_key, signer.key.public_key());
    if (!signer.certificate) {
        MUSTER_TRY(const auto own_key, csr.public_key());
        if (own_key == signing_key) return {};
        return fail(Errc::invalid_argument, "a self-signed certificate needs a request made with its own key pair");
    }
    const auto& issuer = *signer.certificate;
    MUSTER_TRY(const auto issuer_key, issuer.public_key());
    if (!(issuer_key == signing_key))
        return fail(Errc::invalid_argument, "the issuer's private key does not fit its certificate {}",
                    issuer.subject());
    if (!issuer.is_ca())
        return fail(Errc::invalid_argument, "the issuer {} is not a certification authority (basicConstraints)",
                    issuer.subject());
    return {};
}

Result<> set_serial(X509* certificate, Random& random) {
    auto bytes = random.bytes(16);
    bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0x7f) | 0x40);  // positive, and always 16 bytes
    const Number number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
    if (!number || BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) == nullptr)
        return cannot("number");
    return {};
}

std::time_t seconds(TimePoint time) {
    return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

Result<> set_dates(X509* certificate, const IssueOptions& options, const Signer& signer) {
    auto from = options.now - clock_skew;
    auto until = options.now + std::chrono::days(options.expiry_days);
    if (signer.certificate) {
        if (signer.certificate->not_after() <= options.now)
            return fail(Errc::invalid_argument, "the issuer {} expired on {}", signer.certificate->subject(),
                        format_utc_seconds(signer.certificate->not_after()));
        until = std::min(until, signer.certificate->not_after());
        from = std::max(from, std::min(signer.certificate->not_before(), TimePoint(options.now)));
    }
    if (ASN1_TIME_set(X509_getm_notBefore(certificate), seconds(from)) == nullptr ||
        ASN1_TIME_set(X509_getm_notAfter(certificate), seconds(until)) == nullptr)
        return cannot("date");
    return {};
}

Result<NewName> make_name(const pki::Subject& subject) {
    NewName name(X509_NAME_new());
    if (!name) return cannot("name");
    for (const auto& [type, value] : subject) {
        const auto* text = reinterpret_cast<const unsigned char*>(value.data());
        if (X509_NAME_add_entry_by_txt(name.get(), type.c_str(), MBSTRING_UTF8, text, static_cast<int>(value.size()),
                                       -1, 0) != 1) {
            ERR_clear_error();
            return fail(Errc::invalid_argument, "the subject part {} = \"{}\" cannot stand in a certificate", type,
                        value);
        }
    }
    return name;
}

Result<> set_names(X509* certificate, const pki::Csr& csr, const IssueOptions& options, const Signer& signer) {
    if (options.subject) {
        MUSTER_TRY(const auto name, make_name(*options.subject));
        if (X509_set_subject_name(certificate, name.get()) != 1) return cannot("name");
    } else if (X509_set_subject_name(certificate, X509_REQ_get_subject_name(csr.get())) != 1) {
        return cannot("name");
    }
    auto* issuer =
        signer.certificate ? X509_get_subject_name(signer.certificate->get()) : X509_get_subject_name(certificate);
    if (X509_set_issuer_name(certificate, issuer) != 1) return cannot("name");
    return {};
}

Result<> copy_extensions(X509* certificate, const pki::Csr& csr) {
    const std::unique_ptr<STACK_OF(X509_EXTENSION), FreeExtensions> extensions(X509_REQ_get_extensions(csr.get()));
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions.get()); ++i) {
        auto* extension = sk_X509_EXTENSION_value(extensions.get(), i);
        const int kind = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (kind == NID_subject_key_identifier || kind == NID_authority_key_identifier) continue;
        if (kind != NID_undef && X509_get_ext_by_NID(certificate, kind, -1) >= 0)
            return fail(Errc::invalid_argument, "the request has the extension {} twice", OBJ_nid2ln(kind));
        if (X509_add_ext(certificate, extension, -1) != 1) return cannot("extend");
    }
    ERR_clear_error();  // a request without extensions leaves an error behind
    return {};
}

Result<> add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const NewExtension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
    if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1) return cannot("extend");
    return {};
}

Result<> add_extensions(X509* certificate, const pki::Csr& csr, const Signer& signer) {
    MUSTER_CHECK(copy_extensions(certificate, csr));
    if (X509_get_ext_by_NID(certificate, NID_basic_constraints, -1) < 0)
        MUSTER_CHECK(add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:FALSE"));
    MUSTER_CHECK(add_extension(certificate, certificate, NID_subject_key_identifier, "hash"));
    auto* issuer = signer.certificate ? signer.certificate->get() : certificate;
    if (X509_get_ext_by_NID(issuer, NID_subject_key_identifier, -1) < 0) return {};
    return add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always");
}

Result<> check_path_length(const pki::Certificate& made, const Signer& signer) {
    if (!signer.certificate || signer.certificate->path_length() != 0 || !made.is_ca()) return {};
    return fail(Errc::invalid_argument, "the issuer {} may not issue authorities (its path length is 0)",
                signer.certificate->subject());
}

// Read again: what OpenSSL has cached about a certificate in the making is not what it became.
Result<pki::Certificate> finished(X509* certificate) {
    Bytes der(static_cast<std::size_t>(std::max(0, i2d_X509(certificate, nullptr))));
    auto* end = der.data();
    i2d_X509(certificate, &end);
    return pki::Certificate::from_der(der);
}

}  // namespace

Result<pki::Certificate> issue_from_request(const pki::Csr& csr, const IssueOptions& options, const Signer& signer,
                                            Random& random) {
    if (!csr.signature_ok())
        return fail(Errc::invalid_argument, "parameter \"csr\" has an invalid value: it is not signed by its own key");
    MUSTER_CHECK(check_signer(csr, signer));
    const NewCertificate certificate(X509_new());
    if (!certificate || X509_set_version(certificate.get(), X509_VERSION_3) != 1) return cannot("make");
    MUSTER_CHECK(set_serial(certificate.get(), random));
    MUSTER_CHECK(set_dates(certificate.get(), options, signer));
    MUSTER_CHECK(set_names(certificate.get(), csr, options, signer));
    MUSTER_TRY(const auto public_key, csr.public_key());
    if (X509_set_pubkey(certificate.get(), public_key.get()) != 1) return cannot("put the key into");
    MUSTER_CHECK(add_extensions(certificate.get(), csr, signer));
    if (X509_sign(certificate.get(), signer.key.get(), EVP_sha256()) == 0) return cannot("sign");
    MUSTER_TRY(auto made, finished(certificate.get()));
    MUSTER_CHECK(check_path_length(made, signer));
    return made;
}

}  // namespace muster::edge::certd
