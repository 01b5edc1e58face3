#include "pki/pkcs7.h"

#include <openssl/pkcs7.h>

#include "base/text.h"
#include "pki/openssl.h"

namespace muster::pki {

namespace {

constexpr std::size_t kMaxDer = 256 * 1024;
constexpr int kMaxCertificates = 100;

using Pkcs7Owner = std::unique_ptr<PKCS7, Freer<PKCS7_free>>;

Result<const STACK_OF(X509) *> certificates_of(const PKCS7* message) {
    if (PKCS7_type_is_signed(message) != 1 || message->d.sign == nullptr) {
        return fail(Errc::invalid_argument, "the PKCS#7 message is not of the type SignedData");
    }
    const auto* const certificates = message->d.sign->cert;
    if (sk_X509_num(certificates) <= 0) {
        return fail(Errc::invalid_argument, "the PKCS#7 message holds no certificate");
    }
    if (sk_X509_num(certificates) > kMaxCertificates) {
        return fail(Errc::too_large, "the PKCS#7 message holds {} certificates; at most {} are read",
                    sk_X509_num(certificates), kMaxCertificates);
    }
    return certificates;
}

}  // namespace

Result<CertificateChain> certificates_from_pkcs7(ByteView der) {
    if (der.size() > kMaxDer) {
        return fail(Errc::too_large, "the PKCS#7 message has {} bytes; at most {} are read", der.size(), kMaxDer);
    }
    const ErrorScope errors;
    const unsigned char* next = der.data();
    const Pkcs7Owner message(d2i_PKCS7(nullptr, &next, static_cast<long>(der.size())));
    if (!message) return fail(Errc::invalid_argument, "not a PKCS#7 message: {}", ErrorScope::reason());
    if (next != der.data() + der.size()) return fail(Errc::invalid_argument, "bytes follow the PKCS#7 message");
    MUSTER_TRY(const auto* const certificates, certificates_of(message.get()));
    CertificateChain chain;
    for (int i = 0; i < sk_X509_num(certificates); ++i) {
        // From its own bytes: the one parser of certificates judges these, too.
        MUSTER_TRY(auto certificate, Certificate::from_der(encode_der(sk_X509_value(certificates, i), i2d_X509)));
        chain.push_back(std::move(certificate));
    }
    return chain;
}

Result<CertificateChain> certificates_from_pkcs7_text(std::string_view text) {
    constexpr std::string_view begin = "-----BEGIN PKCS7-----";
    if (const auto start = text.find(begin); start != std::string_view::npos) {
        text.remove_prefix(start + begin.size());
        const auto end = text.find("-----END PKCS7-----");
        if (end == std::string_view::npos) return fail(Errc::invalid_argument, "{} has no matching end", begin);
        text = text.substr(0, end);
    }
    if (text.size() > 2 * kMaxDer) {
        return fail(Errc::too_large, "the PKCS#7 text has {} bytes; at most {} are read", text.size(), 2 * kMaxDer);
    }
    const auto der = base64_decode(text, true);
    if (!der) return fail(Errc::invalid_argument, "the PKCS#7 text is not base64");
    return certificates_from_pkcs7(*der);
}

Result<Bytes> make_pkcs7(const CertificateChain& certificates) {
    const ErrorScope errors;
    const Pkcs7Owner message(PKCS7_new());
    bool made = message && PKCS7_set_type(message.get(), NID_pkcs7_signed) == 1;
    // Of type data, without any: what tools expect of a message that carries certificates alone.
    if (made) message->d.sign->contents->type = OBJ_nid2obj(NID_pkcs7_data);
    for (const auto& certificate : certificates) {
        made = made && PKCS7_add_certificate(message.get(), certificate.get()) == 1;
    }
    auto der = made ? encode_der(message.get(), i2d_PKCS7) : Bytes();
    if (der.empty()) return fail(Errc::internal, "cannot make the PKCS#7 message: {}", ErrorScope::reason());
    return der;
}

}  // namespace muster::pki
