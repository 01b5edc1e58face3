#include "pki/csr_view.h"

#include "pki/openssl.h"

namespace muster::pki {

Bytes subject_der(const Csr& csr) {
    return encode_der(X509_REQ_get_subject_name(csr.get()), i2d_X509_NAME);
}

std::string subject_text(const Csr& csr) {
    return name_text(X509_REQ_get_subject_name(csr.get()));
}

int common_name_count(const Csr& csr) {
    const X509_NAME* name = X509_REQ_get_subject_name(csr.get());
    int count = 0;
    for (int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1); at >= 0;
         at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) {
        ++count;
    }
    return count;
}

bool asks_for_authority(const Csr& csr) {
    const ErrorScope errors;
    const std::unique_ptr<STACK_OF(X509_EXTENSION), decltype([](STACK_OF(X509_EXTENSION) * stack) {
                              sk_X509_EXTENSION_pop_free(stack, X509_EXTENSION_free);
                          })>
        extensions(X509_REQ_get_extensions(csr.get()));
    if (!extensions) return false;
    const std::unique_ptr<BASIC_CONSTRAINTS, Freer<BASIC_CONSTRAINTS_free>> constraints(
        static_cast<BASIC_CONSTRAINTS*>(X509V3_get_d2i(extensions.get(), NID_basic_constraints, nullptr, nullptr)));
    return constraints && constraints->ca != 0;
}

}  // namespace muster::pki
