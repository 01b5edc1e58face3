#include "pki/issue.h"

#include <openssl/ec.h>
#include <openssl/rand.h>

#include "base/text.h"
#include "pki/names.h"
#include "pki/openssl.h"

namespace muster::pki {

namespace {

bool is_authority(Profile profile) {
    return profile == Profile::root_ca || profile == Profile::intermediate_ca;
}

Result<> cannot(std::string_view what) {
    return fail(Errc::internal, "cannot set the certificate's {}: {}", what, ErrorScope::reason());
}

template <class T>
Result<> add(X509* x509, int nid, T* value, bool critical) {
    if (value == nullptr || X509_add1_ext_i2d(x509, nid, value, critical ? 1 : 0, X509V3_ADD_DEFAULT) != 1) {
        return cannot(OBJ_nid2sn(nid));
    }
    return {};
}

Result<> add_by_text(X509* x509, X509V3_CTX* context, int nid, const std::string& value) {
    const X509ExtensionOwner extension(X509V3_EXT_conf_nid(nullptr, context, nid, value.c_str()));
    if (!extension || X509_add_ext(x509, extension.get(), -1) != 1) {
        return fail(Errc::invalid_argument, "cannot make the extension {} = {}: {}", OBJ_nid2sn(nid), printable(value),
                    ErrorScope::reason());
    }
    return {};
}

// 128 random bits, never zero, positive (RFC 5280 4.1.2.2: at most 20 octets).
Result<> set_serial(X509* x509, Random& random) {
    Bytes bytes = random.bytes(16);
    if (bytes.front() == 0) bytes.front() = 1;
    const std::unique_ptr<BIGNUM, Freer<BN_free>> number(
        BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
    if (!number || BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(x509)) == nullptr) return cannot("serial");
    return {};
}

Result<> set_times(X509* x509, const IssueRequest& request, const Issuer* issuer) {
    const auto seconds = [](TimePoint time) {
        return static_cast<std::time_t>(std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
    };
    TimePoint until = request.not_after;
    if (issuer != nullptr) until = std::min(until, issuer->certificate.not_after());
    if (until <= request.not_before) {
        return fail(Errc::invalid_argument, "the certificate of {} would end ({}) before it begins ({})",
                    printable(request.common_name), format_utc_seconds(until), format_utc_seconds(request.not_before));
    }
    if (ASN1_TIME_set(X509_getm_notBefore(x509), seconds(request.not_before)) == nullptr ||
        ASN1_TIME_set(X509_getm_notAfter(x509), seconds(until)) == nullptr) {
        return cannot("validity");
    }
    return {};
}

Result<X509NameOwner> subject_of(const IssueRequest& request) {
    if (!request.subject_der) {
        Subject subject = request.subject_rest;
        subject.emplace_back("CN", request.common_name);
        return make_name(subject);
    }
    const unsigned char* next = request.subject_der->data();
    const unsigned char* end = next + request.subject_der->size();
    X509NameOwner name(d2i_X509_NAME(nullptr, &next, static_cast<long>(request.subject_der->size())));
    if (!name || next != end) return fail(Errc::invalid_argument, "the subject is no distinguished name");
    return name;
}

Result<> set_names(X509* x509, const IssueRequest& request, const Issuer* issuer) {
    MUSTER_TRY(const X509NameOwner name, subject_of(request));
    const X509_NAME* issued_by = issuer == nullptr ? name.get() : X509_get_subject_name(issuer->certificate.get());
    if (X509_set_subject_name(x509, name.get()) != 1 || X509_set_issuer_name(x509, issued_by) != 1) {
        return cannot("subject");
    }
    return {};
}

Result<> add_basic_constraints(X509* x509, const IssueRequest& request) {
    if (request.omit_basic_constraints) return {};
    const bool authority = is_authority(request.profile);
    const std::unique_ptr<BASIC_CONSTRAINTS, Freer<BASIC_CONSTRAINTS_free>> constraints(BASIC_CONSTRAINTS_new());
    if (!constraints) return cannot("basicConstraints");
    constraints->ca = authority ? 0xFF : 0;
    if (request.path_length && authority) {
        constraints->pathlen = ASN1_INTEGER_new();
        if (constraints->pathlen == nullptr || ASN1_INTEGER_set(constraints->pathlen, *request.path_length) != 1) {
            return cannot("path length");
        }
    }
    return add(x509, NID_basic_constraints, constraints.get(), true);
}

Result<> add_key_usage(X509* x509, const IssueRequest& request, const PublicKey& key, X509V3_CTX* context) {
    if (request.omit_key_usage) return {};
    if (request.key_usage) return add_by_text(x509, context, NID_key_usage, *request.key_usage);
    // Bits of RFC 5280 4.2.1.3.
    constexpr int kDigitalSignature = 0, kKeyEncipherment = 2, kKeyCertSign = 5, kCrlSign = 6;
    const std::unique_ptr<ASN1_BIT_STRING, Freer<ASN1_BIT_STRING_free>> bits(ASN1_BIT_STRING_new());
    if (!bits) return cannot("keyUsage");
    ASN1_BIT_STRING_set_bit(bits.get(), kDigitalSignature, 1);
    if (is_authority(request.profile)) {
        ASN1_BIT_STRING_set_bit(bits.get(), kKeyCertSign, 1);
        ASN1_BIT_STRING_set_bit(bits.get(), kCrlSign, 1);
    } else if (key.spec().algorithm == KeyAlgorithm::rsa) {
        ASN1_BIT_STRING_set_bit(bits.get(), kKeyEncipherment, 1);
    }
    return add(x509, NID_key_usage, bits.get(), true);
}

Result<> add_extended_key_usage(X509* x509, const IssueRequest& request, X509V3_CTX* context) {
    if (request.extended_key_usage) {
        if (request.extended_key_usage->empty()) return {};
        return add_by_text(x509, context, NID_ext_key_usage, *request.extended_key_usage);
    }
    if (is_authority(request.profile)) return {};
    struct Free {
        // The purposes are static objects of OpenSSL's table.
        void operator()(EXTENDED_KEY_USAGE* usage) const { sk_ASN1_OBJECT_free(usage); }
    };
    const std::unique_ptr<EXTENDED_KEY_USAGE, Free> usage(sk_ASN1_OBJECT_new_null());
    if (request.profile != Profile::client) sk_ASN1_OBJECT_push(usage.get(), OBJ_nid2obj(NID_server_auth));
    if (request.profile != Profile::server) sk_ASN1_OBJECT_push(usage.get(), OBJ_nid2obj(NID_client_auth));
    return add(x509, NID_ext_key_usage, usage.get(), false);
}

// Method 1 of RFC 5280 4.2.1.2: SHA-1 of the key's bits. It is a name, not a proof: SHA-1 does no harm here.
Result<> add_key_ids(X509* x509, const Issuer* issuer) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    unsigned int size = 0;
    const std::unique_ptr<ASN1_OCTET_STRING, Freer<ASN1_OCTET_STRING_free>> id(ASN1_OCTET_STRING_new());
    if (!id || X509_pubkey_digest(x509, EVP_sha1(), hash.data(), &size) != 1 ||
        ASN1_OCTET_STRING_set(id.get(), hash.data(), static_cast<int>(size)) != 1) {
        return cannot("subjectKeyIdentifier");
    }
    MUSTER_CHECK(add(x509, NID_subject_key_identifier, id.get(), false));
    const ASN1_OCTET_STRING* issuer_id =
        issuer == nullptr ? id.get() : X509_get0_subject_key_id(issuer->certificate.get());
    if (issuer_id == nullptr) return {};
    const std::unique_ptr<AUTHORITY_KEYID, Freer<AUTHORITY_KEYID_free>> authority(AUTHORITY_KEYID_new());
    if (!authority) return cannot("authorityKeyIdentifier");
    authority->keyid = ASN1_OCTET_STRING_dup(issuer_id);
    return add(x509, NID_authority_key_identifier, authority.get(), false);
}

Result<> add_alt_names(X509* x509, const IssueRequest& request) {
    if (request.dns_names.empty() && request.ip_addresses.empty()) return {};
    MUSTER_TRY(const GeneralNamesOwner names, make_alt_names(request.dns_names, request.ip_addresses));
    return add(x509, NID_subject_alt_name, names.get(), false);
}

// Made of its parts: as OpenSSL's configuration text, a URL with a comma would be something else.
Result<> add_crl_url(X509* x509, const std::string& url) {
    if (url.empty()) return {};
    const std::unique_ptr<CRL_DIST_POINTS, Freer<CRL_DIST_POINTS_free>> points(CRL_DIST_POINTS_new());
    std::unique_ptr<DIST_POINT, Freer<DIST_POINT_free>> point(DIST_POINT_new());
    std::unique_ptr<GENERAL_NAME, Freer<GENERAL_NAME_free>> name(GENERAL_NAME_new());
    std::unique_ptr<ASN1_IA5STRING, Freer<ASN1_IA5STRING_free>> text(ASN1_IA5STRING_new());
    if (!points || !point || !name || !text ||
        ASN1_STRING_set(text.get(), url.data(), static_cast<int>(url.size())) != 1) {
        return cannot("cRLDistributionPoints");
    }
    GENERAL_NAME_set0_value(name.get(), GEN_URI, text.release());
    point->distpoint = DIST_POINT_NAME_new();
    if (point->distpoint == nullptr) return cannot("cRLDistributionPoints");
    point->distpoint->type = 0;
    point->distpoint->name.fullname = GENERAL_NAMES_new();
    if (point->distpoint->name.fullname == nullptr ||
        sk_GENERAL_NAME_push(point->distpoint->name.fullname, name.get()) <= 0) {
        return cannot("cRLDistributionPoints");
    }
    static_cast<void>(name.release());
    if (sk_DIST_POINT_push(points.get(), point.get()) <= 0) return cannot("cRLDistributionPoints");
    static_cast<void>(point.release());
    return add(x509, NID_crl_distribution_points, points.get(), false);
}

Result<> add_unknown_critical(X509* x509, X509V3_CTX* context) {
    const X509ExtensionOwner extension(X509V3_EXT_conf(nullptr, context, "1.3.6.1.4.1.55555.1", "critical,DER:0500"));
    if (!extension || X509_add_ext(x509, extension.get(), -1) != 1) return cannot("unknown extension");
    return {};
}

Result<> add_extensions(X509* x509, const IssueRequest& request, const PublicKey& key, const Issuer* issuer) {
    X509V3_CTX context;
    X509* issued_by = issuer == nullptr ? x509 : issuer->certificate.get();
    X509V3_set_ctx(&context, issued_by, x509, nullptr, nullptr, 0);
    MUSTER_CHECK(add_basic_constraints(x509, request));
    MUSTER_CHECK(add_key_usage(x509, request, key, &context));
    MUSTER_CHECK(add_extended_key_usage(x509, request, &context));
    MUSTER_CHECK(add_key_ids(x509, issuer));
    MUSTER_CHECK(add_alt_names(x509, request));
    MUSTER_CHECK(add_crl_url(x509, request.crl_url));
    if (request.name_constraints) {
        MUSTER_CHECK(add_by_text(x509, &context, NID_name_constraints, *request.name_constraints));
    }
    if (request.add_unknown_critical_extension) MUSTER_CHECK(add_unknown_critical(x509, &context));
    return {};
}

// As strong as the key, where a digest of that size exists.
const EVP_MD* digest_for(const IssueRequest& request, EVP_PKEY* signer) {
    if (request.sha1_signature) return EVP_sha1();
    const bool large_ec = EVP_PKEY_is_a(signer, "EC") == 1 && EVP_PKEY_get_bits(signer) > 256;
    return large_ec ? EVP_sha384() : EVP_sha256();
}

}  // namespace

Result<Certificate> issue(const IssueRequest& request, const PublicKey& subject_key, const Issuer* issuer,
                          const PrivateKey* self_key, Random& random) {
    const ErrorScope errors;
    if (issuer == nullptr && self_key == nullptr) {
        return fail(Errc::internal, "a certificate needs an issuer or its own private key");
    }
    const X509Owner x509(X509_new());
    if (!x509 || X509_set_version(x509.get(), X509_VERSION_3) != 1) return fail(Errc::internal, "out of memory");
    MUSTER_CHECK(set_names(x509.get(), request, issuer));
    MUSTER_CHECK(set_times(x509.get(), request, issuer));
    MUSTER_CHECK(set_serial(x509.get(), random));
    if (X509_set_pubkey(x509.get(), subject_key.get()) != 1) {
        return fail(Errc::invalid_argument, "the public key cannot stand in a certificate: {}", ErrorScope::reason());
    }
    MUSTER_CHECK(add_extensions(x509.get(), request, subject_key, issuer));
    EVP_PKEY* signer = issuer == nullptr ? self_key->get() : issuer->key.get();
    if (X509_sign(x509.get(), signer, digest_for(request, signer)) <= 0) {
        return fail(Errc::internal, "cannot sign the certificate of {}: {}", printable(request.common_name),
                    ErrorScope::reason());
    }
    return Certificate::from_der(encode_der(x509.get(), i2d_X509));
}

}  // namespace muster::pki
