#include "pki/issue.h"
#include "pki/openssl.h"

namespace muster::pki {

namespace {

struct StackDeleter {
    void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};

// What stands beside the leaf; each holds its own reference.
std::unique_ptr<STACK_OF(X509), StackDeleter> rest_of(const CertificateChain& chain) {
    std::unique_ptr<STACK_OF(X509), StackDeleter> stack(sk_X509_new_null());
    for (std::size_t i = 1; stack && i < chain.size(); ++i) {
        X509_up_ref(chain[i].get());
        if (sk_X509_push(stack.get(), chain[i].get()) <= 0) X509_free(chain[i].get());
    }
    return stack;
}

}  // namespace

Result<Bytes> make_pfx(const PrivateKey& key, const CertificateChain& chain, std::string_view passphrase,
                       std::string_view friendly_name) {
    if (chain.empty()) return fail(Errc::invalid_argument, "a PKCS#12 file needs a certificate");
    const ErrorScope errors;
    std::string password(passphrase);
    const std::string name(friendly_name);
    const auto rest = rest_of(chain);
    const Pkcs12Owner pfx(PKCS12_create(password.c_str(), name.c_str(), key.get(), chain.front().get(), rest.get(),
                                        NID_aes_256_cbc, NID_aes_256_cbc, PKCS12_DEFAULT_ITER, -1, 0));
    // The MAC is set apart: it is SHA-256 whatever the library's default is.
    const bool sealed =
        pfx && PKCS12_set_mac(pfx.get(), password.c_str(), -1, nullptr, 0, PKCS12_DEFAULT_ITER, EVP_sha256()) == 1;
    wipe(password.data(), password.size());
    if (!sealed) return fail(Errc::invalid_argument, "cannot make the PKCS#12 file: {}", ErrorScope::reason());
    return encode_der(pfx.get(), i2d_PKCS12);
}

}  // namespace muster::pki
