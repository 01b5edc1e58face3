#include "pki/csr.h"

#include <openssl/pem.h>

#include "base/text.h"
#include "pki/names.h"
#include "pki/openssl.h"

namespace muster::pki {

namespace {

constexpr std::size_t kMaxDer = 64 * 1024;

using Extensions = std::unique_ptr<STACK_OF(X509_EXTENSION), decltype([](STACK_OF(X509_EXTENSION) * stack) {
                                       sk_X509_EXTENSION_pop_free(stack, X509_EXTENSION_free);
                                   })>;

Result<> add_extensions(X509_REQ* request, const std::vector<std::pair<std::string, std::string>>& extensions) {
    if (extensions.empty()) return {};
    const Extensions stack(sk_X509_EXTENSION_new_null());
    X509V3_CTX context;
    X509V3_set_ctx(&context, nullptr, nullptr, request, nullptr, 0);
    for (const auto& [name, value] : extensions) {
        X509ExtensionOwner extension(X509V3_EXT_conf(nullptr, &context, name.c_str(), value.c_str()));
        if (!extension) {
            return fail(Errc::invalid_argument, "cannot make the extension {} = {}: {}", printable(name),
                        printable(value), ErrorScope::reason());
        }
        if (sk_X509_EXTENSION_push(stack.get(), extension.get()) <= 0) return fail(Errc::internal, "out of memory");
        static_cast<void>(extension.release());
    }
    if (X509_REQ_add_extensions(request, stack.get()) != 1) {
        return fail(Errc::internal, "cannot add extensions to the request: {}", ErrorScope::reason());
    }
    return {};
}

}  // namespace

void X509ReqDeleter::operator()(X509_REQ* request) const {
    X509_REQ_free(request);
}

Result<Csr> Csr::from_pem(std::string_view pem) {
    for (const std::string_view label : {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"}) {
        const std::string begin = fmt::format("-----BEGIN {}-----", label);
        const std::size_t start = pem.find(begin);
        if (start == std::string_view::npos) continue;
        const std::string_view inside = pem.substr(start + begin.size());
        const std::size_t end = inside.find(fmt::format("-----END {}-----", label));
        if (end == std::string_view::npos) return fail(Errc::invalid_argument, "{} has no matching end", begin);
        const auto der = base64_decode(inside.substr(0, end), true);
        if (!der) return fail(Errc::invalid_argument, "the PEM block of the certificate request is not base64");
        return from_der(*der);
    }
    return fail(Errc::invalid_argument, "no \"-----BEGIN CERTIFICATE REQUEST-----\" in the text");
}

Result<Csr> Csr::from_der(ByteView der) {
    if (der.size() > kMaxDer) {
        return fail(Errc::too_large, "the certificate request has {} bytes; at most {} are read", der.size(), kMaxDer);
    }
    const ErrorScope errors;
    const unsigned char* next = der.data();
    std::unique_ptr<X509_REQ, X509ReqDeleter> request(d2i_X509_REQ(nullptr, &next, static_cast<long>(der.size())));
    if (!request) return fail(Errc::invalid_argument, "not a PKCS#10 request: {}", ErrorScope::reason());
    if (next != der.data() + der.size()) return fail(Errc::invalid_argument, "bytes follow the certificate request");
    return Csr(std::move(request));
}

Result<Csr> Csr::create(const PrivateKey& key, const Subject& subject,
                        const std::vector<std::pair<std::string, std::string>>& extensions) {
    const ErrorScope errors;
    std::unique_ptr<X509_REQ, X509ReqDeleter> request(X509_REQ_new());
    MUSTER_TRY(const X509NameOwner name, make_name(subject));
    if (!request || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_subject_name(request.get(), name.get()) != 1 ||
        X509_REQ_set_pubkey(request.get(), key.get()) != 1) {
        return fail(Errc::internal, "cannot build the certificate request: {}", ErrorScope::reason());
    }
    MUSTER_CHECK(add_extensions(request.get(), extensions));
    if (X509_REQ_sign(request.get(), key.get(), EVP_sha256()) <= 0) {
        return fail(Errc::internal, "cannot sign the certificate request: {}", ErrorScope::reason());
    }
    return Csr(std::move(request));
}

std::string Csr::pem() const {
    const BioOwner out(BIO_new(BIO_s_mem()));
    if (!out || PEM_write_bio_X509_REQ(out.get(), request_.get()) != 1) return {};
    return std::string(as_text(written_to(out.get())));
}

Bytes Csr::der() const {
    return encode_der(request_.get(), i2d_X509_REQ);
}

std::string Csr::common_name() const {
    return common_name_of(X509_REQ_get_subject_name(request_.get()));
}

Result<PublicKey> Csr::public_key() const {
    const ErrorScope errors;
    EVP_PKEY* key = X509_REQ_get0_pubkey(request_.get());
    if (key == nullptr) {
        return fail(Errc::invalid_argument, "the public key of the certificate request cannot be read: {}",
                    ErrorScope::reason());
    }
    return PublicKey(share(key));
}

bool Csr::signature_ok() const {
    const ErrorScope errors;
    EVP_PKEY* key = X509_REQ_get0_pubkey(request_.get());
    return key != nullptr && X509_REQ_verify(request_.get(), key) == 1;
}

}  // namespace muster::pki
